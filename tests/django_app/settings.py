"""Settings of the Django project that the tests run."""

from __future__ import annotations

import os
from urllib.parse import parse_qsl, urlsplit

from tests.acceptance.api import SECRET


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
    "partway.django",
    "tests.django_app.apps.TestsConfig",
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
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tests.django_app.tokens.Tokens",
        "rest_framework.authentication.SessionAuthentication",
    ]
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _database(url: str) -> dict[str, object]:
    found = urlsplit(url)
    if found.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": found.path.removeprefix("/"),
            "OPTIONS": {"timeout": 30},
        }
    asked = dict(parse_qsl(found.query))  # a socket's folder and port, if it is not reached by TCP
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": found.path.removeprefix("/"),
        "HOST": found.hostname or asked["host"],
        "PORT": found.port or asked["port"],
        "USER": found.username,
        "PASSWORD": found.password or "",
    }


DATABASES = {"default": _database(os.environ.get("TEST_DATABASE_URL", "sqlite:///:memory:"))}
AWS_STORAGE_BUCKET_NAME = os.environ.get("S3_BUCKET_NAME")
AWS_S3_ENDPOINT_URL = os.environ.get("S3_ENDPOINT_URL")
AWS_ACCESS_KEY_ID = os.environ.get("AWS_ACCESS_KEY_ID")
AWS_SECRET_ACCESS_KEY = os.environ.get("AWS_SECRET_ACCESS_KEY")
