"""Settings of the Django project that the tests run."""

from __future__ import annotations

import os

from tests.acceptance.api import SECRET
from tests.django_app.databases import database_of


def _number(name: str) -> int | None:
    text = os.environ.get(name)
    return int(text) if text else None


SECRET_KEY = "a secret of the tests alone, long enough for every algorithm"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
USE_TZ = True
ROOT_URLCONF = "tests.django_app.urls"
WSGI_APPLICATION = "tests.django_app.wsgi.application"
MEDIA_ROOT = os.environ.get("TEST_MEDIA_ROOT", "media")
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "partway.django",
    "tests.django_app.apps.TestsConfig",
    "tests.django_app.articles.apps.ArticlesConfig",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
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
AUTH_USER_MODEL = "tests_app.User"
MIGRATION_MODULES = {"tests_app": None}
MAX_FILE_UPLOAD_SIZE = None
FILE_UPLOAD_QUOTA_PER_USER = _number("PARTWAY_QUOTA_BYTES")
FILE_UPLOAD_PRESIGNED_URL_EXPIRATION = _number("S3_PRESIGNED_URL_EXPIRY") or 3600
PARTWAY = {"JWT_SECRET": SECRET, "QUOTA_UPLOADS": _number("PARTWAY_QUOTA_UPLOADS")}
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tests.django_app.tokens.Tokens",
        "rest_framework.authentication.SessionAuthentication",
    ],
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        **database_of(os.environ.get("TEST_DATABASE_URL", "sqlite:///:memory:")),
        "ATOMIC_REQUESTS": "TEST_ATOMIC_REQUESTS" in os.environ,
    }
}
AWS_STORAGE_BUCKET_NAME = os.environ.get("S3_BUCKET_NAME")
AWS_S3_ENDPOINT_URL = os.environ.get("S3_ENDPOINT_URL")
AWS_ACCESS_KEY_ID = os.environ.get("AWS_ACCESS_KEY_ID")
AWS_SECRET_ACCESS_KEY = os.environ.get("AWS_SECRET_ACCESS_KEY")
LOGGING = {  # what nobody foresaw is found in the server's log
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR"}},
}
