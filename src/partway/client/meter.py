"""How far a transfer has come: counted by its threads, told to a callback now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_INTERVAL = 0.1  #: seconds between two calls of a callback, at least

#: Called with the bytes done and the bytes in all, from the transfer's threads, at most ten times per second.
Progress = Callable[[int, int], None]


class Meter:
    """Bytes done of bytes in all.

    Args:
        total: bytes in all.
        progress: told at most ten times per second.
        onward: another meter that counts the same bytes, such as that of all files together.
    """

    def __init__(self, total: int, *, progress: Progress | None = None, onward: Meter | None = None) -> None:
        self.total = total
        self.done = 0
        self.moved = 0  #: bytes that travelled in this run, without what was there already
        self._progress = progress
        self._onward = onward
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._told = 0.0

    def add(self, count: int) -> None:
        """Bytes were sent; a negative count takes back what has to be sent again."""
        self._count(count, moved=count)

    def skip(self, count: int) -> None:
        """Bytes need not be sent: they are there already."""
        self._count(count, moved=0)

    def rate(self) -> float:
        """Bytes per second since the beginning."""
        return self.moved / max(time.monotonic() - self._began, 0.001)

    def finish(self) -> None:
        """Tell the callback the last figures."""
        if self._progress is not None:
            self._progress(self.done, self.total)

    def _count(self, count: int, *, moved: int) -> None:
        with self._lock:
            self.done += count
            self.moved += moved
            now = time.monotonic()
            tell = self._progress is not None and now - self._told >= _INTERVAL
            if tell:
                self._told = now
        if self._onward is not None:
            self._onward._count(count, moved=moved)
        if tell and self._progress is not None:
            self._progress(self.done, self.total)


class Tally:
    """Passes on the bytes of one try, and can take them back."""

    def __init__(self, onward: Callable[[int], None] | None) -> None:
        self.total = 0
        self.most = 0  #: bytes sent at best
        self._onward = onward

    def __call__(self, count: int) -> None:
        """Bytes were sent, or taken back."""
        self.total += count
        self.most = max(self.most, self.total)
        if self._onward is not None:
            self._onward(count)

    def take_back(self) -> None:
        """The try has failed."""
        if self.total:
            self(-self.total)
