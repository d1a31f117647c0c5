"""Starts `partway` commands fast: one process imports the service once, and forks a child for each start.

What a child runs is the command itself, with arguments and an environment of its own, in a session of its own: a real
process, which may be killed at any point. It only skips the second and more that the imports take.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_PAUSE = 0.002  #: seconds between two looks at a child that is to end


class ForkedProcess:
    """A child, with the verbs of `subprocess.Popen` that its users need."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self._server = server

    def send_signal(self, how: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, how)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float = 60) -> int:
        """The exit code, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: it has not ended within `timeout` seconds.
        """
        end = time.monotonic() + timeout
        while (code := self._server.poll(self.pid)) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("partway", timeout)
            time.sleep(_PAUSE)
        return code


class ForkServer:
    """One such process. It ends, and its children with it, when this process does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.fork_server"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> ForkedProcess:
        """Start `partway ARGV` in this process's directory.

        Args:
            env: all of its environment.
            log: where it writes, behind what is there.
        """
        asked = {"argv": [*argv], "env": dict(env), "log": str(log.absolute()), "cwd": str(Path.cwd())}
        return ForkedProcess(self, self._ask("start", asked))

    def poll(self, pid: int) -> int | None:
        """The exit code of a child; None: it runs."""
        code: int | None = self._ask("poll", pid)
        return code

    def close(self) -> None:
        """End it and its children."""
        with self._lock:
            self._process.communicate()

    def _ask(self, verb: str, value: Any) -> Any:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps([verb, value]) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


@functools.cache
def fork_server() -> ForkServer:
    """The one of this process."""
    server = ForkServer()
    atexit.register(server.close)
    return server


class _Children:
    """The other side: forks and looks after children. It has one thread, and so may fork."""

    def __init__(self) -> None:
        self._running: set[int] = set()
        self._codes: dict[int, int] = {}

    def start(self, asked: Mapping[str, Any]) -> int:
        pid = os.fork()
        if pid == 0:
            _become(asked)
        self._codes.pop(pid, None)
        self._running.add(pid)
        return pid

    def poll(self, pid: int) -> int | None:
        if pid in self._running:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._running.discard(pid)
                self._codes[pid] = os.waitstatus_to_exitcode(status)
        return self._codes.get(pid)

    def end(self) -> None:
        for pid in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _become(asked: Mapping[str, Any]) -> None:
    """Turn this child into the command. Never returns."""
    code = 1
    try:
        os.setsid()
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.chdir(asked["cwd"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.argv = ["partway", *asked["argv"]]
        _run()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _run() -> None:
    from partway.cli.main import main

    main()


def _import_all() -> None:
    """Import what `serve` and `cleanup` import when they are called."""
    import aiohttp  # noqa: F401
    import asyncpg  # noqa: F401
    import uvicorn.lifespan.on
    import uvicorn.loops.auto
    import uvicorn.protocols.http.auto
    import uvicorn.protocols.websockets.auto  # noqa: F401

    import partway.cli.cleanup
    import partway.cli.main
    import partway.cli.serve
    import partway.detection
    import partway.records.postgres
    import partway.records.sqlite
    import partway.service.app
    import partway.service.upkeep
    import partway.stores.s3.aiohttp_transport  # noqa: F401


def main() -> None:
    # Children write to where this one's answers go otherwise.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _import_all()
    gc.freeze()
    children = _Children()
    for line in sys.stdin:
        verb, value = json.loads(line)
        answers.write(json.dumps(getattr(children, verb)(value)) + "\n")
        answers.flush()
    children.end()


if __name__ == "__main__":
    main()
