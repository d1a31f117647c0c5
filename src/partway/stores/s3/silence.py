"""Whether the store says anything at all.

A store that hangs is found by the requests that wait for it in vain. From then on few of them try whether it is back,
and all others are refused at once: else each would wait for its whole timeout, and for the connections of the others.
"""

from __future__ import annotations

import time

_PAUSE = 2.0  #: seconds between two requests that try whether the store is back


class Silence:
    """Remembers when the store answered last. For threads too: a race lets one more request through, no more."""

    def __init__(self) -> None:
        self._heard = time.monotonic()
        self._next_try: float | None = None  # of the monotonic clock; None: the store answers

    def refuses(self) -> bool:
        """Whether a request should not be sent now. If not, and the store is silent, this is the one that tries."""
        if self._next_try is None:
            return False
        now = time.monotonic()
        if now < self._next_try:
            return True
        self._next_try = now + _PAUSE
        return False

    def broken(self) -> None:
        """The store said something, or the network did for it."""
        self._heard = time.monotonic()
        self._next_try = None

    def noticed(self, since: float) -> None:
        """A request waited in vain from a moment on. It is silence unless the store answered another one meanwhile.

        Args:
            since: of the monotonic clock.
        """
        if self._next_try is None and self._heard < since:
            self._next_try = time.monotonic()  # one may try again at once: it was a dead connection, maybe
