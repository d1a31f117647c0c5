from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer
from tests.servers.seaweedfs import SeaweedFS


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A SeaweedFS that all tests share; one that is to be killed is a test's own."""
    server = SeaweedFS(tmp_path_factory.mktemp("seaweedfs")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that all tests share, each with databases of its own; one that is to be killed is a test's own."""
    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDBServer]:
    """A MariaDB that all tests share, each with databases of its own.

    No package of Python's has one, and `make test` asks nobody for a password: who is not root, and has none, goes
    without.
    """
    program = os.environ.get("PARTWAY_TEST_MARIADB") or shutil.which("mariadbd")
    if not program:
        pytest.skip("MariaDB is not installed, and only root may install it: see scripts/mariadb")
    server = MariaDBServer(program).start()
    yield server
    server.stop()
