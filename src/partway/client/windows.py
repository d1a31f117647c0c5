"""For how many parts to ask URLs at once: just ahead of need, so that none expires before its turn. Pure."""

from __future__ import annotations

_MAX_WINDOW = 64  #: parts
_MAX_WINDOW_SIZE = 256 * 1024 * 1024  #: bytes whose checksums are read ahead of sending
_SHARE_OF_LIFE = 4  #: a window and what is still waiting before it are sent within this part of a URL's life


def window_length(
    *, left: int, waiting: int, workers: int, part_size: int, rate: float = 0.0, expires_in: int = 0
) -> int:
    """How many parts the next window has, at least one.

    Args:
        left: parts that have no URL yet, at least 1.
        waiting: parts that have a URL and are not sent.
        workers: parts that travel at once.
        part_size: bytes.
        rate: bytes per second of late; 0: not known yet.
        expires_in: seconds that a URL lives; 0: not known yet.
    """
    wanted = 2 * workers if rate and expires_in else workers
    affordable = _MAX_WINDOW_SIZE // max(part_size, 1)
    length = min(left, wanted, _MAX_WINDOW, affordable)
    if rate and expires_in:
        in_time = int(rate * expires_in / _SHARE_OF_LIFE / max(part_size, 1)) - waiting
        length = min(length, in_time)
    return max(length, 1)
