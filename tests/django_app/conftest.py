from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import django
import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from tests.django_app.databases import database_of

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django_app.settings")
django.setup()
import_module("drf_spectacular.views")  # they are described as the settings say when they are first imported


@pytest.fixture(autouse=True)
def folder_of_its_own(tmp_path: Path) -> Iterator[None]:
    """No test keeps files where another one finds them."""
    with override_settings(MEDIA_ROOT=tmp_path / "media"):
        yield


@pytest.fixture(scope="session")
def default_database() -> None:
    """The project's own database, in memory and migrated: for who asks by HTTP and signs in."""
    call_command("migrate", run_syncdb=True, verbosity=0)


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The alias of a migrated database of each kind."""
    alias = str(request.param)
    if alias == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('django') / 'db.sqlite3'}"
    elif alias == "postgresql":
        url = request.getfixturevalue("postgres").new_database(tcp=True)
    else:
        url = request.getfixturevalue("mariadb").new_database()
    connections.databases[alias] = connections.databases["default"] | {"OPTIONS": {}} | database_of(url)
    call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
    yield alias
    connections[alias].close()
