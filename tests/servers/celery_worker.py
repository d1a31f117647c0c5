"""A worker of Celery as a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class CeleryWorker:
    """One worker with one process for tasks, as `celery worker` has them.

    Args:
        project: the folder that `celery -A config` is called in.
        env: all of its environment.
        log: where it writes.
        options: more of the command line.
    """

    def __init__(self, project: Path, *, env: Mapping[str, str], log: Path, options: tuple[str, ...] = ()) -> None:
        celery = [sys.executable, "-m", "celery", "-A", "config", "worker", "-c", "1", "-l", "info"]
        self._command = [*celery, "--without-gossip", "--without-mingle", *options]
        self._project = project
        self._env = env
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> CeleryWorker:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._project, env=self._env, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def kill(self) -> None:
        """SIGKILL to it and its processes, as the kernel does when memory is short."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __exit__(self, *_: object) -> None:
        self.kill()
