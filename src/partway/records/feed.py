"""The feed of one process: it gives events their positions soon after the commit, and wakes those who wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable
from typing import Protocol
from uuid import UUID
from weakref import WeakSet

from partway.core.events import EventRecords, Progress
from partway.errors import PartwayError
from partway.records.news import News
from partway.waiting import Waiter, is_set

_PASS = 1.5  #: seconds, on average, until a look for what other processes left or told us nothing of
_BREATH = 0.1  #: seconds between two passes: what is told meanwhile shares the next one
_BATCH = 1000  #: events that one pass gives positions to
_log = logging.getLogger("partway.events")


class NewsLine(Protocol):
    """Carries news to the other processes that share the records, if it can."""

    def send(self, news: News) -> None:
        """Tell the others. Never waits, never fails; what cannot be told now is lost."""
        ...

    async def run(self, hear: Callable[[News], None]) -> None:
        """Listen to the others until cancelled."""
        ...


class Feed:
    """The feed of all branches in this process (`partway.core.events.EventFeed`, for one event loop).

    Args:
        line: to the other processes; None: what they do is seen by the next look at the records.
    """

    def __init__(self, *, line: NewsLine | None = None) -> None:
        self._line = line
        self._branches: WeakSet[Branch] = WeakSet()
        self._told = asyncio.Event()
        self._progress: dict[UUID, Progress] = {}
        self._position = 0
        self._failing = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, records: EventRecords) -> None:
        """Begin to give positions and to listen."""
        self._tasks = [asyncio.create_task(self._go_round(records))]
        if self._line is not None:
            self._tasks.append(asyncio.create_task(self._line.run(self._hear)))

    async def stop(self) -> None:
        """End. Events without a position get theirs from another process, or after the next start."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    def tell(self, news: Progress | None = None) -> None:
        """Say that something was committed (None), or how far an upload has come."""
        if news is not None:
            self._wake([news])
            self._progress[news.file_id] = news
        self._told.set()

    def branch(self) -> Branch:
        """The news for one who waits, from now on."""
        branch = Branch(self)
        self._branches.add(branch)
        return branch

    async def _go_round(self, records: EventRecords) -> None:
        again = False
        while True:
            told = again or await is_set(self._told, timeout=_PASS * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
            self._told.clear()
            placed = await self._give_positions(records)
            # Another process may have been at it without seeing yet what we were told of; or there is more to do.
            again = placed >= _BATCH or (told and not again and placed == 0)
            self._say(placed=placed)
            await asyncio.sleep(_BREATH)

    async def _give_positions(self, records: EventRecords) -> int:
        """Give positions, and wake all if there are new ones, whoever gave them; how many we gave."""
        try:
            placed = await records.place_events(limit=_BATCH)
            position = placed or await records.last_position()
        except Exception as error:
            self._complain(error)
            return 0
        self._failing = False
        known, self._position = self._position, position
        if position != known:
            self._wake()
        return position - known if placed else 0

    def _complain(self, error: Exception) -> None:
        """Say once what is wrong, until it is right again."""
        if not isinstance(error, PartwayError):
            _log.error("unforeseen error while giving events their positions", exc_info=error)
        elif not self._failing:
            _log.warning("events wait for their positions: %s", error.detail)
        self._failing = True

    def _say(self, *, placed: int) -> None:
        """Tell the other processes what is new."""
        progress, self._progress = list(self._progress.values()), {}
        if self._line is not None and (placed or progress):
            self._line.send(News(position=self._position, progress=progress))

    def _hear(self, news: News) -> None:
        self._position = max(self._position, news.position)
        self._wake(news.progress)

    def _wake(self, progress: Iterable[Progress] = ()) -> None:
        for branch in list(self._branches):
            branch.wake(progress)


class Branch(Waiter):
    """The news for one who waits (`partway.core.events.EventFeed`)."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed

    def tell(self, news: Progress | None = None) -> None:
        """Say that something was committed (None), or how far an upload has come."""
        self._feed.tell(news)

    def branch(self) -> Branch:
        """The same news for one more who waits. It ends when nobody holds it."""
        return self._feed.branch()
