"""An example as a process of its own, started as its readers start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.servers.ports import free_port, wait_for_port

ROOT = Path(__file__).parents[2]


def clean_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of a store, and `env`."""
    ours = ("PARTWAY_", "S3_", "AWS_", "EXAMPLE_", "PRESIGNED_", "MAX_FILE_SIZE", "CORS_ORIGINS", "PORT")
    ours += ("CELERY_", "DATABASE_URL", "DJANGO_", "SECRET_KEY", "TEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # No roles or profiles of the machine: what is not given is not there.
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", **(env or {})}


def run_example(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=clean_environment(env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Example:
    """`python -m examples.<name>` on a free port.

    Args:
        name: of its package.
        folder: for its data and its log.
        env: which store it stands on, and other settings.
    """

    def __init__(self, name: str, folder: Path, env: Mapping[str, str]) -> None:
        self.port = free_port()
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", f"examples.{name}", "--port", str(self.port)]
        self._command += ["--data-dir", str(folder / "data")]
        self._env = env
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

    def __enter__(self) -> Example:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=clean_environment(self._env), stdout=log, stderr=log
            )
        try:
            wait_for_port(self.port)
        except TimeoutError:
            self.__exit__()
            raise RuntimeError(f"the example did not start:\n{self.log.read_text()}") from None
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert "Traceback" not in self.log.read_text()
