"""One who waits for news on an event loop: what comes meanwhile is kept, but never more than the latest."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from uuid import UUID

from partway.core.events import Progress

_MOST_PROGRESS = 1000  #: uploads whose progress waits for one who does not look


class Waiter:
    """Waits, and is woken by whoever has news."""

    def __init__(self) -> None:
        self._progress: dict[UUID, Progress] = {}
        self._woken = asyncio.Event()

    async def next(self, *, timeout: float) -> Sequence[Progress] | None:
        """Wait for news, at most `timeout` seconds: progress that was told, maybe none; None: nothing came."""
        if not await is_set(self._woken, timeout=timeout):
            return None
        self._woken.clear()
        progress, self._progress = list(self._progress.values()), {}
        return progress

    def wake(self, progress: Iterable[Progress] = ()) -> None:
        """End the wait. Of each upload the latest progress is kept, of too many uploads that of the latest."""
        for news in progress:
            self._progress.pop(news.file_id, None)
            self._progress[news.file_id] = news
        while len(self._progress) > _MOST_PROGRESS:
            del self._progress[next(iter(self._progress))]
        self._woken.set()


async def is_set(event: asyncio.Event, *, timeout: float) -> bool:
    """Wait until an event is set, at most `timeout` seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await event.wait()
    return event.is_set()
