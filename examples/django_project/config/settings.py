"""Settings of the project. What concerns files stands from "Files" on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from config.places import database, kept_secret

import partway

BASE_DIR = Path(__file__).parents[1]
DATA_DIR = Path(os.environ.get("EXAMPLE_DATA_DIR") or BASE_DIR.parents[1] / "example-data" / "django").absolute()
DATA_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = os.environ.get("SECRET_KEY") or kept_secret(DATA_DIR / "secret-key")
DEBUG = True  # an example on this machine alone
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DATABASES = {"default": database(os.environ.get("DATABASE_URL"), DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "posts"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "partway.django",
    "testapp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [("partway", Path(partway.__file__).parent / "page" / "partway")]  # the JavaScript client
LOGGING = {"version": 1, "disable_existing_loggers": False, "loggers": {"django.server": {"level": "WARNING"}}}

# Files

MEDIA_ROOT = DATA_DIR / "media"
AWS_STORAGE_BUCKET_NAME = os.environ.get("AWS_STORAGE_BUCKET_NAME")  # without a bucket: MEDIA_ROOT
AWS_S3_REGION_NAME = os.environ.get("AWS_S3_REGION_NAME", "us-east-1")
AWS_S3_ENDPOINT_URL = os.environ.get("AWS_S3_ENDPOINT_URL")  # for stores that are not AWS
AWS_ACCESS_KEY_ID = os.environ.get("AWS_ACCESS_KEY_ID")
AWS_SECRET_ACCESS_KEY = os.environ.get("AWS_SECRET_ACCESS_KEY")

MAX_FILE_UPLOAD_SIZE = 5 * 1024**3  # bytes
FILE_UPLOAD_PRESIGNED_URL_EXPIRATION = 3600  # seconds
FILE_UPLOAD_QUOTA_PER_USER = 10 * 1024**3  # bytes

PARTWAY = {
    "JWT_SECRET": SECRET_KEY,  # who signs tokens: testapp/tokens.py
    "PARENTS": ["testapp.post", "testapp.comment"],
    "MAY_ATTACH": "testapp.rules.may_attach",
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "partway.django.tokens.BearerTokens",  # programs
        "rest_framework.authentication.SessionAuthentication",  # the pages of this project
    ]
}

CELERY_BROKER_URL = CELERY_RESULT_BACKEND = os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
with contextlib.suppress(ModuleNotFoundError):  # without Celery: `manage.py partway_cleanup` by cron
    from celery.schedules import crontab

    CELERY_BEAT_SCHEDULE = {
        "cleanup-expired-uploads": {
            "task": "partway.django.tasks.cleanup_expired_uploads",
            "schedule": crontab(minute=0),  # every hour
        },
    }
