"""Streams of what happens: who may have one, what it says, and until when it lasts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from enum import Enum, auto
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.types import Message

from partway.core.events import EventTrunk
from partway.core.file import Caller, File
from partway.core.uploads import Uploads
from partway.core.watching import HEARTBEAT, Item, WatchedRecords, Watching
from partway.errors import NotAuthenticated, NotFound, RateLimited, StoreUnavailable
from partway.fastapi.auth import CallerOf
from partway.fastapi.inquiries import Inquiries
from partway.fastapi.news_desk import NewsDesk
from partway.fastapi.stopping import Stopping

MOST_OF_A_CALLER = 50  #: streams in one process
MOST = 2000  #: streams in one process

Receive = Callable[[], Awaitable[Message]]


class Ending(Enum):
    """Why a stream has ended."""

    OVER = auto()  #: all was said
    GONE = auto()  #: the client
    STOPPING = auto()  #: the server is about to end


class Streams:
    """Opens streams.

    Args:
        records: keep the events.
        uploads: know what the store holds.
        feed: says that there is news.
        caller: gives the caller of a request; is asked again while a stream lasts.
        stopping: ends all streams.
    """

    def __init__(
        self,
        *,
        records: WatchedRecords,
        uploads: Uploads,
        feed: EventTrunk,
        caller: CallerOf,
        stopping: Stopping,
    ) -> None:
        self._watching = Watching(records=records, uploads=uploads)
        self._desk = NewsDesk(feed, records)
        self._inquiries = Inquiries(self._watching, desk=self._desk, feed=feed)
        self._caller_of = caller
        self._stopping = stopping
        self._open: Counter[str] = Counter()

    async def of_upload(self, file_id: UUID, *, caller: Caller, after: int | None) -> AsyncGenerator[Item, None] | None:
        """What happens to an upload; None: whoever has read up to `after` knows all.

        Raises:
            NotFound: there is no such file for this caller.
        """
        file = await self._watching.find(file_id, caller=caller)
        return None if await self._watching.has_heard_all(file, after) else self._of_upload(file, after)

    async def of_files(self, owner: str | None, *, caller: Caller, after: int | None) -> AsyncGenerator[Item, None]:
        """What happens to the caller's files; for staff to those of an owner, or of all.

        Raises:
            NotFound: somebody else asks for another owner's.
        """
        if owner not in {None, caller.id} and not caller.staff:
            raise NotFound("There is no such owner. Leave 'owner' out: only staff may ask for others.")
        return self._of_files(owner or caller.sees_only, after)

    @contextmanager
    def place(self, caller: Caller) -> Iterator[None]:
        """Room for one stream.

        Raises:
            RateLimited: the caller has too many (code `too_many_streams`).
            StoreUnavailable: this process has too many (code `busy`).
        """
        if self._open[caller.id] >= MOST_OF_A_CALLER:
            raise RateLimited(
                f"You have {MOST_OF_A_CALLER} streams open. Close some, or watch all your files by one.",
                code="too_many_streams",
                limit=MOST_OF_A_CALLER,
            )
        if self._open.total() >= MOST:
            raise StoreUnavailable("Too many streams are open at this moment; try again.", code="busy", retry_after=5)
        self._open[caller.id] += 1
        try:
            yield
        finally:
            self._open[caller.id] -= 1
            self._open += Counter()  # forget who has none

    async def run(
        self,
        items: AsyncGenerator[Item, None],
        send: Callable[[Item], Awaitable[None]],
        *,
        request: Request,
        caller: Caller,
        receive: Receive,
    ) -> Ending:
        """Send items until there are no more, the client goes, or the server ends.

        Raises:
            NotAuthenticated: the caller's token has expired, or is not good any more.
            RecordsUnavailable: the database does not answer.
        """
        return await first_of(
            _pump(items, send),
            _until_gone(receive),
            self._until_stopping(),
            self._until_unknown(request, caller),
        )

    async def _of_upload(self, file: File, after: int | None) -> AsyncGenerator[Item, None]:
        with self._desk.news_of(file.id) as news, self._inquiries.about(file):
            async with aclosing(self._watching.upload(file.id, news, after=after)) as items:
                async for item in items:
                    yield item

    async def _of_files(self, owner: str | None, after: int | None) -> AsyncGenerator[Item, None]:
        with self._desk.news_of(owner) as news:
            async with aclosing(self._watching.files(owner, news, after=after)) as items:
                async for item in items:
                    yield item

    async def _until_stopping(self) -> Ending:
        await self._stopping.wait()
        return Ending.STOPPING

    async def _until_unknown(self, request: Request, caller: Caller) -> Ending:
        while True:
            await asyncio.sleep(HEARTBEAT)
            if (await self._caller_of(request)).sees_only != caller.sees_only:
                raise NotAuthenticated("You may not watch this any more.")


async def first_of(*ways: Coroutine[Any, Any, Ending]) -> Ending:
    """The ending that comes first; the other ways are left. Of those that come at once, the first one named."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(items: AsyncGenerator[Item, None], send: Callable[[Item], Awaitable[None]]) -> Ending:
    async with aclosing(items):
        async for item in items:
            await send(item)
    return Ending.OVER


async def _until_gone(receive: Receive) -> Ending:
    while (await receive())["type"] not in {"http.disconnect", "websocket.disconnect"}:
        pass  # what a client says to a stream is nothing to us
    return Ending.GONE
