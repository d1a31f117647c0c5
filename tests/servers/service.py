"""The service as a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.servers.fork_server import ForkedProcess, fork_server
from tests.servers.ports import free_port, wait_for_port

PARTWAY = Path(sys.executable).parent / "partway"


class Service:
    """`partway serve` on a free port of 127.0.0.1.

    Args:
        data_dir: where it keeps its data.
        env: settings besides those of this process.
        port: fixed, or None for a free one; kept over restarts.
        forked: start in a tenth of the time, from a process that has imported the service; see `fork_server`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        forked: bool = False,
    ) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.log = data_dir.parent / f"{data_dir.name}-service-{self.port}.log"
        self._env = dict(env or {})
        self._forked = forked
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Service:
        """Start, and return once it accepts connections."""
        self._process = self._launch(["serve", "--port", str(self.port), "--data-dir", str(self.data_dir)])
        try:
            wait_for_port(self.port)
        except TimeoutError:
            self.kill()
            raise RuntimeError(f"the service did not start:\n{self.log.read_text()}") from None
        return self

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """SIGTERM, and wait for its end: its exit code, None if it was not running."""
        return self._end(signal.SIGTERM)

    def _launch(self, argv: list[str]) -> subprocess.Popen[bytes] | ForkedProcess:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PARTWAY_", "S3_", "AWS_"))}
        env = {**kept, **self._env}
        if self._forked:
            return fork_server().start(argv, env=env, log=self.log)
        with self.log.open("ab") as log:
            return subprocess.Popen([PARTWAY, *argv], env=env, stdout=log, stderr=log, start_new_session=True)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, and go on."""
        os.kill(self.pid, number)

    def ended(self) -> int:
        """Wait until it has ended by itself, and return its exit code."""
        assert self._process is not None
        process, self._process = self._process, None
        return process.wait(60)

    def _end(self, how: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(how)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def token(self, user: str) -> str:
        """A bearer token of a user, as the command line makes it."""
        done = subprocess.run(
            [PARTWAY, "token", "--user", user],
            env={**os.environ, **self._env},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def __enter__(self) -> Service:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
