"""How long and how often to try again: a budget of time, exponential back-off, full jitter.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from partway.client.stopping import Stop

DEFAULT_PATIENCE = 300.0  #: seconds that a trouble may last
_FIRST_PAUSE = 0.25  #: seconds, the most before the second try
_LONGEST_PAUSE = 8.0  #: seconds, so that a service that is back is noticed soon
_LONGEST_RETRY_AFTER = 120.0  #: seconds; a server that asks for more is asked again earlier

#: Told of every pause: what is wrong, and the seconds until the next try.
Notice = Callable[[BaseException, float], None]


def longest_pause(failures: int) -> float:
    """The upper end of the pause after so many failures in a row, seconds."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * float(2 ** min(failures - 1, 10)))


def pause_length(failures: int, *, retry_after: float | None, left: float, share: float) -> float:
    """Seconds until the next try.

    Args:
        failures: in a row, at least 1.
        retry_after: seconds that the server asked for.
        left: seconds left of the budget; the last try comes when it ends, not after it.
        share: of the longest pause, random in 0..1.
    """
    if retry_after is not None:
        # All clients were told the same moment: a little jitter keeps them from coming at once.
        pause = min(retry_after, _LONGEST_RETRY_AFTER) * (1 + share / 10)
    else:
        pause = longest_pause(failures) * share
    return max(0.0, min(pause, left))


class Patience:
    """The budget of one thing that is tried until it works. `reset` when it goes on.

    Args:
        seconds: how long a trouble may last.
        stop: ends a pause.
        notice: told of every pause.
    """

    def __init__(self, seconds: float, *, stop: Stop, notice: Notice | None = None) -> None:
        self._seconds = seconds
        self._stop = stop
        self._notice = notice
        self._failures = 0
        self._since = 0.0

    def reset(self) -> None:
        """The trouble is over."""
        self._failures = 0

    def pause(self, trouble: BaseException, *, retry_after: float | None = None, seconds: float | None = None) -> None:
        """Wait before the next try.

        Args:
            trouble: what went wrong; raised if it has lasted too long.
            retry_after: seconds that the server asked for.
            seconds: a smaller budget than the usual one.
        """
        self._stop.check()
        now = time.monotonic()
        if self._failures == 0:
            self._since = now
        self._failures += 1
        left = self._since + (self._seconds if seconds is None else min(seconds, self._seconds)) - now
        if left <= 0:
            raise trouble
        pause = pause_length(self._failures, retry_after=retry_after, left=left, share=_random_share())
        if self._notice is not None:
            self._notice(trouble, pause)
        self._stop.sleep(pause)


def _random_share() -> float:
    # Not the random module: importing it costs more than all of a small command's tries.
    return int.from_bytes(os.urandom(4), "big") / 2**32
