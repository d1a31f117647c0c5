"""A flag that ends a transfer promptly, wherever its threads are: sending, waiting for an answer or between tries."""

from __future__ import annotations

import threading
from typing import Protocol


class Stopped(Exception):
    """The transfer was asked to end. What was uploaded stays resumable."""


class Breakable(Protocol):
    """Something whose blocked reads and writes can be ended from another thread."""

    def break_off(self) -> None:
        """End what is under way; may be called from any thread, more than once."""
        ...


class Stop:
    """Set once by whoever wants the end; asked by everyone who works.

    Args:
        parent: whose end is this one's too. Call `release` when the work is over.
    """

    def __init__(self, parent: Stop | None = None) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._watched: set[Breakable] = set()
        self._parent = parent
        if parent is not None:
            parent.watch(self)

    def set(self) -> None:
        """Ask for the end, and break what blocks."""
        self._event.set()
        with self._lock:
            watched = list(self._watched)
        for each in watched:
            each.break_off()

    def break_off(self) -> None:
        """A parent's end."""
        self.set()

    def release(self) -> None:
        """The work is over: listen to the parent no more."""
        if self._parent is not None:
            self._parent.unwatch(self)

    @property
    def is_set(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Stopped` if the end was asked for."""
        if self._event.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Wait, or raise `Stopped` as soon as the end is asked for."""
        if self._event.wait(seconds):
            raise Stopped

    def watch(self, breakable: Breakable) -> None:
        """Break this off when the end is asked for."""
        with self._lock:
            self._watched.add(breakable)
        if self._event.is_set():
            breakable.break_off()

    def unwatch(self, breakable: Breakable) -> None:
        """Break it off no more."""
        with self._lock:
            self._watched.discard(breakable)
