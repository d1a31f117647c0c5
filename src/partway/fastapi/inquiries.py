"""Asks the store how far uploads have come that somebody watches and whose clients do not say so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from partway.core.events import EventTrunk, Progress
from partway.core.file import File
from partway.core.watching import Watching, is_over
from partway.errors import PartwayError
from partway.fastapi.news_desk import NewsDesk

_PACE = 3.0  #: seconds without news of an upload after which the store is asked
_SLOWEST = 15.0  #: seconds, where nothing moves
_AT_ONCE = 4  #: uploads that the store is asked of
_log = logging.getLogger("partway.events")


class Inquiries:
    """Asks once for all who watch an upload in this process, and tells the feed.

    What others tell meanwhile, clients or other processes, counts as an answer: nobody asks then.
    """

    def __init__(self, watching: Watching, *, desk: NewsDesk, feed: EventTrunk) -> None:
        self._watching = watching
        self._desk = desk
        self._feed = feed
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._open: dict[UUID, _Inquiry] = {}

    @contextmanager
    def about(self, file: File) -> Iterator[None]:
        """Ask while inside, until the upload is over."""
        if is_over(file):
            yield
            return
        inquiry = self._open.get(file.id)
        if inquiry is None:
            inquiry = self._open[file.id] = _Inquiry(asyncio.create_task(self._ask_on(file)))
        inquiry.watchers += 1
        try:
            yield
        finally:
            inquiry.watchers -= 1
            if not inquiry.watchers:
                inquiry.task.cancel()
                del self._open[file.id]

    async def _ask_on(self, file: File) -> None:
        known, pause = 0, _PACE / 2
        with self._desk.news_of(file.id) as news:
            while True:
                try:
                    progress = await self._ask(file)
                except PartwayError:
                    pause = _SLOWEST  # the store or the records are away; others say so
                except Exception:
                    _log.exception("unforeseen error while asking the store of an upload")
                    return
                else:
                    if progress is None:
                        return
                    pause = next_pause(pause, moved=progress.uploaded_size > known)
                    if progress.uploaded_size > known:
                        known = progress.uploaded_size
                        self._feed.tell(progress)
                while (heard := await news.next(timeout=pause)) is not None:
                    known, pause = max([known, *(each.uploaded_size for each in heard)]), _PACE

    async def _ask(self, file: File) -> Progress | None:
        async with self._places:
            return await self._watching.ask(file)


@dataclass
class _Inquiry:
    """What is under way about one upload."""

    task: asyncio.Task[None]
    watchers: int = 0


def next_pause(pause: float, *, moved: bool) -> float:
    """Seconds until the store is asked again."""
    return _PACE if moved else min(2 * pause, _SLOWEST)
