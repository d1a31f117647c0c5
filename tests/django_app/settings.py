"""Settings of the Django project that the tests run."""

import os
from urllib.parse import urlsplit

SECRET_KEY = "not a secret"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "partway.django",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_url = urlsplit(os.environ.get("TEST_DATABASE_URL", "sqlite:///:memory:"))
_ENGINES = {"sqlite": "sqlite3", "postgresql": "postgresql"}
DATABASES = {
    "default": {
        "ENGINE": f"django.db.backends.{_ENGINES[_url.scheme]}",
        "NAME": _url.path.removeprefix("/"),
        "HOST": _url.hostname or "",
        "PORT": _url.port or "",
        "USER": _url.username or "",
        "PASSWORD": _url.password or "",
        "OPTIONS": {"timeout": 30} if _url.scheme == "sqlite" else {},
    }
}
