"""What a server takes of the machine while it works: memory at its peak, and files that it has on the disk unseen."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.harness import memory_of

_PAUSE = 0.02  #: seconds between two looks


class Watch:
    """Watches a process of Linux from entering to leaving.

    Args:
        pid: of the process.
        temporary: the directory for temporary files that it was started with (`TMPDIR`), used by nobody else.
    """

    def __init__(self, pid: int, temporary: Path) -> None:
        self._process = Path(f"/proc/{pid}")
        self._temporary = f"{temporary.resolve()}{os.sep}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.start = memory_of(pid)  #: bytes of resident memory at the beginning
        self.peak = self.start  #: bytes of resident memory at most, as the kernel counted them
        self.spooled = 0  #: bytes of disk that its temporary files held at most, deleted ones too; by looking often

    def __enter__(self) -> Self:
        # "5" sets the peak back to what is resident now: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
        (self._process / "clear_refs").write_text("5")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        with contextlib.suppress(FileNotFoundError):  # it has ended, and the error that says so is on its way
            self.peak = max(self.start, self._high_water())

    @property
    def grown(self) -> int:
        """Bytes of resident memory at most beyond those at the beginning."""
        return self.peak - self.start

    def _high_water(self) -> int:
        lines = (self._process / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    def _look(self) -> None:
        while not self._over.wait(_PAUSE):
            with contextlib.suppress(FileNotFoundError):
                self.spooled = max(self.spooled, sum(map(self._held, (self._process / "fd").iterdir())))

    def _held(self, descriptor: Path) -> int:
        """Bytes of disk that an open file holds, if it is a temporary one."""
        try:
            return descriptor.stat().st_blocks * 512 if str(descriptor.readlink()).startswith(self._temporary) else 0
        except FileNotFoundError:  # closed since it was listed
            return 0
