"""A real MariaDB for tests: its own data, its own process, a port on 127.0.0.1."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import pymysql

from tests.servers.ports import free_port

_START_SECONDS = 60
_USER = "root"  # anybody, in fact: there are no tables of users, and the server listens on 127.0.0.1 alone
_SETTINGS = (
    *(
        "--bind-address=127.0.0.1",
        "--skip-grant-tables",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--performance-schema=OFF",
    ),
    *("--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M"),
    # Commits still reach the system, so killing it loses none.
    *("--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0"),
    # As Debian sets it up: nothing but the columns' own collations tells letters apart.
    *("--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"),
)


class MariaDBServer:
    """A server of many databases, for the tests that a machine with MariaDB runs.

    Args:
        mariadbd: the path of the server's program.
    """

    def __init__(self, mariadbd: str) -> None:
        self._mariadbd = mariadbd
        self._home = Path(tempfile.mkdtemp(prefix="partway-mariadb-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the server in an empty folder, and wait until it answers."""
        data = self._home / "data"
        data.mkdir()
        who = ["--user=root"] if os.geteuid() == 0 else []
        where = [f"--datadir={data}", f"--socket={self._home / 'socket'}", f"--port={self.port}"]
        with (self._home / "log").open("ab") as log:
            command = [self._mariadbd, "--no-defaults", *where, *who, *_SETTINGS]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("MariaDB did not start:\n" + (self._home / "log").read_text())
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """End it for good and remove its data."""
        if self._process is not None:
            self._process.kill()  # nothing of it is wanted any more
            self._process.wait(timeout=30)
            self._process = None
        shutil.rmtree(self._home)

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"partway_{secrets.token_hex(6)}"
        with self._connected() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        return f"mysql://{_USER}@127.0.0.1:{self.port}/{name}"

    def _connected(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        return pymysql.connect(host="127.0.0.1", port=self.port, user=_USER, connect_timeout=2)

    def _answers(self) -> bool:
        try:
            self._connected().close()
        except pymysql.OperationalError:
            return False
        return True
