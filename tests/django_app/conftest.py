from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import django
import pytest
from django.core.management import call_command
from django.db import connections

from tests.servers.postgres import PostgresServer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django_app.settings")
django.setup()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The alias of a migrated database of each kind."""
    alias = str(request.param)
    if alias == "sqlite":
        file = tmp_path_factory.mktemp("django") / "db.sqlite3"
        place = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file), "OPTIONS": {"timeout": 30}}
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = urlsplit(server.new_database(tcp=True))
        place = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.removeprefix("/"),
            "HOST": url.hostname,
            "PORT": url.port,
            "USER": url.username,
            "PASSWORD": url.password or "",
            "OPTIONS": {},
        }
    connections.databases[alias] = connections.databases["default"] | place
    call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
    yield alias
    connections[alias].close()
