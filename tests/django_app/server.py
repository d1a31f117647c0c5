"""The Django project as a process of its own, with the service's settings in the project's words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.servers.ports import free_port, wait_for_port

ASGI = "TEST_ASGI"  #: set among the settings, it asks for uvicorn
_BIN = Path(sys.executable).parent


class DjangoServer:
    """The project under gunicorn, or as ASGI under uvicorn, on a free port of 127.0.0.1.

    Args:
        data_dir: where it keeps files, and its database if it has no other.
        env: settings besides those of this process; `ASGI` among them asks for uvicorn.
    """

    def __init__(self, data_dir: Path, *, env: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.log = data_dir.parent / f"{data_dir.name}-django-{self.port}.log"
        self._env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.django_app.settings",
            "TEST_MEDIA_ROOT": str(data_dir),
            "TEST_DATABASE_URL": env.get("PARTWAY_DATABASE_URL") or f"sqlite:///{data_dir / 'db.sqlite3'}",
            **env,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def manage(self, *command: str) -> None:
        """Run one of the project's commands, which must end well."""
        subprocess.run([sys.executable, "-m", "django", *command, "--pythonpath", "."], env=self._env, check=True)

    def __enter__(self) -> DjangoServer:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.manage("migrate", "-v0", "--run-syncdb")
        command = [_BIN / "gunicorn", "-b", f"127.0.0.1:{self.port}", "--threads", "16", "tests.django_app.wsgi"]
        if ASGI in self._env:
            where = ["--host", "127.0.0.1", "--port", str(self.port), "--lifespan", "off", "--no-access-log"]
            command = [_BIN / "uvicorn", *where, "tests.django_app.asgi:application"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)
        wait_for_port(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)
