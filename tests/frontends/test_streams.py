"""Streams beneath their routes: how often the store is asked, what ends them, and that nothing stays of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from fastapi import Request

from partway.core.events import Event, EventType, Progress
from partway.core.file import Caller
from partway.core.parts import StoredPart
from partway.core.watching import Item, State
from partway.errors import NotAuthenticated, RateLimited, RecordsUnavailable, StoreUnavailable
from partway.fastapi import inquiries, news_desk, streams
from partway.fastapi.event_sockets import may_connect
from partway.fastapi.inquiries import next_pause
from partway.fastapi.stopping import Stopping
from partway.fastapi.streams import Ending, Streams
from partway.records.feed import Feed
from tests.core.house import ALICE, BOB, CONTENT, PART_SIZE, House

SECONDS = 30  #: that a test waits at most for what must come
REQUEST = Request({"type": "http", "headers": []})


class Callers:
    """Says who calls, until it knows nobody any more."""

    def __init__(self) -> None:
        self.caller: Caller | None = ALICE

    async def __call__(self, _: Request) -> Caller:
        if self.caller is None:
            raise NotAuthenticated("The token has expired; get a new one.", code="token_expired")
        return self.caller


class Bench:
    """Streams over a house in memory."""

    def __init__(self) -> None:
        self.house = House()
        self.feed = Feed()
        self.callers = Callers()
        self.stopping = Stopping()
        self.asked = 0
        self.streams = Streams(
            records=self.house.records,
            uploads=self.house.calm.uploads,
            feed=self.feed,
            caller=self.callers,
            stopping=self.stopping,
        )
        list_parts = self.house.store.list_parts

        async def counted(key: str, upload_id: str) -> list[StoredPart]:
            self.asked += 1
            return await list_parts(key, upload_id)

        self.house.store.list_parts = counted  # type: ignore[method-assign]

    async def open(self, file_id: UUID, *, after: int | None = None) -> Any:
        items = await self.streams.of_upload(file_id, caller=ALICE, after=after)
        assert items is not None
        return items

    async def run(self, items: Any, told: list[Item]) -> Ending:
        """Run a stream whose client stays."""

        async def send(item: Item) -> None:
            told.append(item)

        async def receive() -> Any:
            await asyncio.Event().wait()

        return await self.streams.run(items, send, request=REQUEST, caller=ALICE, receive=receive)


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds takes moments."""
    monkeypatch.setattr(inquiries, "_PACE", 0.02)
    monkeypatch.setattr(inquiries, "_SLOWEST", 0.1)
    monkeypatch.setattr(news_desk, "_PAUSE", 0.02)
    monkeypatch.setattr(streams, "HEARTBEAT", 0.02)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A bench of which no task stays when all streams have ended."""
    made = Bench()
    made.feed.start(made.house.records)
    try:
        async with asyncio.timeout(SECONDS):
            yield made
            await until(lambda: len(asyncio.all_tasks()) == 2)  # this one and the feed's
    finally:
        await made.feed.stop()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110  # of things that tell nobody
        await asyncio.sleep(0.01)


async def next_of(items: Any, kind: type) -> Any:
    async for item in items:
        if isinstance(item, kind):
            return item
    raise AssertionError(f"the stream ended without {kind}")


def test_the_store_is_asked_once_for_all_who_watch() -> None:
    async def story() -> None:
        async with bench() as here:
            begun = here.house.initiate()
            watchers = [await here.open(begun.file.id) for _ in range(5)]
            for items in watchers:
                await next_of(items, State)
            assert here.house.put(begun.signed.parts[0], CONTENT[:PART_SIZE]).status == 200
            for items in watchers:
                assert (await next_of(items, Progress)).uploaded_size == PART_SIZE
            assert here.asked <= 3
            for items in watchers:
                await items.aclose()
            asked = here.asked
            await asyncio.sleep(0.2)
            assert here.asked == asked

    asyncio.run(story())


def test_the_store_is_asked_less_often_while_nothing_moves() -> None:
    pauses = [inquiries._PACE]
    for _ in range(5):
        pauses.append(next_pause(pauses[-1], moved=False))
    assert pauses == sorted(pauses)
    assert pauses[-1] == inquiries._SLOWEST
    assert next_pause(pauses[-1], moved=True) == inquiries._PACE


def test_the_store_is_not_asked_of_what_is_over_nor_while_clients_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiries, "_PACE", 60)

    async def story() -> None:
        async with bench() as here:
            finished, begun = here.house.finished(), here.house.begin()
            here.asked = 0
            async with aclosing(await here.open(finished.id)) as items:
                await next_of(items, State)
            assert here.asked == 0
            async with aclosing(await here.open(begun.id)) as items:
                await next_of(items, State)
                await until(lambda: here.asked == 1)
                for number in (1, 2, 3):
                    part = StoredPart(part_number=number, size=0, etag="")
                    here.feed.tell(await here.house.calm.uploads.report(begun.id, [part], caller=ALICE))
                    await next_of(items, Progress)
            assert here.asked == 1

    asyncio.run(story())


def test_a_store_that_is_away_keeps_nobody_from_hearing() -> None:
    async def story() -> None:
        async with bench() as here:
            begun = here.house.initiate()
            failing = here.house.store.list_parts

            async def away(key: str, upload_id: str) -> list[StoredPart]:
                here.asked += 1
                raise StoreUnavailable("The store does not answer.")

            here.house.store.list_parts = away  # type: ignore[method-assign]
            async with aclosing(await here.open(begun.file.id)) as items:
                await next_of(items, State)
                await until(lambda: here.asked > 2)
                here.house.store.list_parts = failing  # type: ignore[method-assign]
                assert here.house.put(begun.signed.parts[0], CONTENT[:PART_SIZE]).status == 200
                assert (await next_of(items, Progress)).uploaded_size == PART_SIZE

    asyncio.run(story())


def test_a_stream_ends_when_its_token_does() -> None:
    async def story() -> None:
        async with bench() as here:
            file, told = here.house.begin(), list[Item]()
            stream = asyncio.create_task(here.run(await here.open(file.id), told))
            await until(lambda: told)
            here.callers.caller = None
            with pytest.raises(NotAuthenticated):
                await stream

    asyncio.run(story())


def test_a_stream_ends_when_its_caller_is_another() -> None:
    async def story() -> None:
        async with bench() as here:
            stream = asyncio.create_task(here.run(await here.open(here.house.begin().id), []))
            here.callers.caller = BOB
            with pytest.raises(NotAuthenticated):
                await stream

    asyncio.run(story())


def test_all_streams_end_when_the_server_does() -> None:
    async def story() -> None:
        async with bench() as here:
            file, told = here.house.begin(), list[Item]()
            running = [asyncio.create_task(here.run(await here.open(file.id), told)) for _ in range(3)]
            await until(lambda: len(told) >= 3)
            here.stopping.begin()
            assert await asyncio.gather(*running) == [Ending.STOPPING] * 3
            assert await here.run(await here.open(file.id), []) is Ending.STOPPING

    asyncio.run(story())


def _mark(item: Item, file_id: UUID) -> object:
    """The kind of an event of one file, or how far an upload has come."""
    if isinstance(item, Event) and item.file_id == file_id:
        return item.type
    return item.uploaded_size if isinstance(item, Progress) else None


def test_a_slow_reader_reads_on_where_it_was() -> None:
    """However much happens meanwhile, only the latest progress waits for it."""

    async def story() -> None:
        async with bench() as here:
            items = await here.streams.of_files(None, caller=ALICE, after=0)
            file = here.house.begin()
            assert (await next_of(items, Event)).type == EventType.INITIATED
            others = [here.house.begin() for _ in range(300)]
            for size in range(2000):
                here.feed.tell(
                    Progress(
                        file_id=file.id, owner=ALICE.id, uploaded_parts=1, num_parts=1, uploaded_size=size, file_size=9
                    )
                )
            seen: list[Item] = []
            while {EventType.UPLOADING, 1999} - {_mark(item, others[-1].id) for item in seen}:
                seen.append(await anext(items))
            await items.aclose()
            events = [item for item in seen if isinstance(item, Event)]
            assert len(events) == 601
            assert len([item for item in seen if isinstance(item, Progress)]) == 1
            assert [event.position for event in events] == sorted({event.position for event in events})

    asyncio.run(story())


def test_what_happened_while_the_records_were_away_is_told() -> None:
    async def story() -> None:
        async with bench() as here:
            records = here.house.records
            items = await here.streams.of_files(ALICE.id, caller=ALICE, after=None)
            await anext(items)
            waiting = asyncio.create_task(next_of(items, Event))
            await asyncio.sleep(0.1)  # its first look is over
            look, looks = records.events_after, 0

            async def away(*_: Any, **__: Any) -> Sequence[Event]:
                nonlocal looks
                looks += 1
                raise RecordsUnavailable("The database does not answer.")

            records.events_after = away  # type: ignore[method-assign]
            here.house.begin()
            here.feed.tell()
            await until(lambda: looks)
            records.events_after = look  # type: ignore[method-assign]
            assert (await waiting).type == EventType.INITIATED
            await items.aclose()

    asyncio.run(story())


def test_places_are_counted_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_OF_A_CALLER", 2)
    monkeypatch.setattr(streams, "MOST", 3)
    here = Bench().streams
    with here.place(ALICE), here.place(ALICE):
        with pytest.raises(RateLimited), here.place(ALICE):
            pass
        with here.place(BOB), pytest.raises(StoreUnavailable), here.place(BOB):
            pass
    with here.place(ALICE), here.place(ALICE):
        pass
    assert not here._open


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://127.0.0.1:8000", True),
        ("https://app.example.com", True),
        ("http://127.0.0.1:9000", False),
        ("http://127.0.0.1", False),
        ("https://app.example.com.evil.example", False),
        ("http://evil.example/127.0.0.1:8000", False),
        ("http://127.0.0.1:8000@evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_whose_pages_may_connect(origin: str | None, allowed: bool) -> None:
    assert may_connect(origin, host="127.0.0.1:8000", origins=["https://app.example.com"]) is allowed
    assert may_connect(origin, host="127.0.0.1:8000", origins=["*"])
