"""Databases of the Django project that the tests run."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit


def database_of(url: str) -> dict[str, Any]:
    """What Django calls the database of a URL: of SQLite, PostgreSQL or MariaDB."""
    found = urlsplit(url)
    name = found.path.removeprefix("/")
    if found.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": {"timeout": 30}}
    asked = dict(parse_qsl(found.query))  # a socket's folder and port, if it is not reached by TCP
    place = {
        "NAME": name,
        "HOST": found.hostname or asked["host"],
        "PORT": found.port or asked["port"],
        "USER": found.username,
        "PASSWORD": found.password or "",
    }
    if found.scheme == "mysql":
        _stand_in_for_mysqlclient()
        # Django's own standard only since 5.2.
        return {"ENGINE": "django.db.backends.mysql", **place, "OPTIONS": {"charset": "utf8mb4"}}
    return {"ENGINE": "django.db.backends.postgresql", **place}


def _stand_in_for_mysqlclient() -> None:
    """Have Django take PyMySQL for mysqlclient, which would have to be compiled."""
    import pymysql

    pymysql.install_as_MySQLdb()
