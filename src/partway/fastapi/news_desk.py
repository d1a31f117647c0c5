"""Hears the news of this process once, and passes to each stream what concerns it."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from partway.core.events import Event, EventRecords, EventTrunk, Progress
from partway.errors import PartwayError
from partway.waiting import Waiter

_WAIT = 60.0  #: seconds for news
_PAUSE = 1.0  #: seconds after trouble with the records
_PAGE = 500  #: events read at once
_log = logging.getLogger("partway.events")


class NewsDesk:
    """Wakes those who wait for news of one file, of one owner, or of all.

    With a hundred streams each event costs one look at the records for all, and one for each whom it concerns. It is
    open while somebody waits.

    Args:
        feed: of all news of this process.
        records: keep the events.
    """

    def __init__(self, feed: EventTrunk, records: EventRecords) -> None:
        self._feed = feed
        self._records = records
        self._waiting: defaultdict[UUID | str | None, set[Waiter]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def news_of(self, subject: UUID | str | None) -> Iterator[Waiter]:
        """News of a file (its id), of an owner's files, or of all (None), while inside."""
        waiter = Waiter()
        self._waiting[subject].add(waiter)
        if self._task is None:
            self._task = asyncio.create_task(self._hear())
        try:
            yield waiter
        finally:
            self._waiting[subject].discard(waiter)
            if not self._waiting[subject]:
                del self._waiting[subject]
            if not self._waiting and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _hear(self) -> None:
        feed, wait = self._feed.branch(), _WAIT
        position: int | None = None
        while True:
            try:
                if position is None:
                    position = await self._records.last_position()
                    self._wake_all()  # who looked before that may have missed what came since
                for each in await feed.next(timeout=wait) or ():
                    self._pass_on(each, [each])
                position, wait = await self._look(position), _WAIT
            except PartwayError:
                wait = _PAUSE  # the feed says what is wrong
                await asyncio.sleep(_PAUSE)
            except Exception:
                _log.exception("unforeseen error while passing news on")
                await asyncio.sleep(_PAUSE)

    async def _look(self, position: int) -> int:
        """Wake those whom the events behind a position concern; the last position."""
        while events := await self._records.events_after(position, limit=_PAGE):
            for event in events:
                self._pass_on(event)
            position = events[-1].position
        return position

    def _pass_on(self, news: Event | Progress, progress: list[Progress] | tuple[()] = ()) -> None:
        for subject in (news.file_id, news.owner, None):
            for waiter in self._waiting.get(subject, ()):
                waiter.wake(progress)

    def _wake_all(self) -> None:
        for waiters in self._waiting.values():
            for waiter in waiters:
                waiter.wake()
