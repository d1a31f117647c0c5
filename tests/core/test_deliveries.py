"""Deliveries: whatever endpoints answer and whoever dies, each event is told, those of one file in order."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.servers.clock import HandClock
from tests.servers.postgres import PostgresServer

from partway.core.blocking import run_straight
from partway.core.deliveries import LEASE, Deliveries, Endpoint, open_endpoints
from partway.core.events import Event, EventType
from partway.core.webhooks import DELAYS, Answer, WebhookSettings, read_secret
from partway.records.connect import BlockingSqlRecords, connect_blocking_records, connect_records
from partway.records.contract import Bench
from partway.records.contract.event_bench import place_all
from partway.records.migrate import upgrade
from partway.records.sql import SqlRecords
from partway.webhooks import verify

T = TypeVar("T")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOLD_OF = frozenset({EventType.DELETED, EventType.RESTORED})
NUMBERS = count()
OK, DOWN, RESET, GONE = Answer(status=204), Answer(status=503), Answer(trouble="reset"), Answer(status=410)


class Killed(BaseException):
    """The process that sends is no more."""


class Line:
    """A `core.deliveries.Sender` that a test answers for, and that heeds what it sends."""

    def __init__(self, clock: HandClock, answer: Callable[[UUID], Answer] = lambda event_id: OK) -> None:
        self.clock = clock
        self.answer = answer
        self.taken: list[UUID] = []
        self.attempts = 0

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        verify(SECRET, headers, body, now=self.clock.now().timestamp())
        event_id = UUID(headers["webhook-id"])
        self.attempts += 1
        answer = self.answer(event_id)
        if answer.is_success:
            self.taken.append(event_id)
        return answer

    async def together(self, deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
        return [await deed() for deed in deeds]


class House:
    """Records, files to which something happens, and an endpoint that is told of it."""

    def __init__(self, records: SqlRecords, *, start: bool = True) -> None:
        self.records = records
        self.clock = HandClock()
        self.url = f"https://app.example/{next(NUMBERS)}"
        self.line = Line(self.clock)
        self.bench = Bench(records=records)
        self.settings = WebhookSettings(urls=[self.url], secrets=[read_secret(SECRET)], types=TOLD_OF)
        if start:
            run_straight(self.open())

    async def open(self) -> None:
        await open_endpoints(self.records, [self.url], clock=self.clock)

    def teller(self) -> Deliveries:
        return Deliveries(
            self.url,
            records=self.records,
            sender=self.line,
            settings=self.settings,
            clock=self.clock,
            chance=lambda: 0.5,
        )

    def run(self) -> float | None:
        """Do all that can be done now; the seconds until there is more."""
        then = run_straight(self.teller().run())
        return None if then is None else (then - self.clock.now()).total_seconds()

    def run_out(self) -> None:
        """Go on until nothing is left to do, however long it takes."""
        for _ in range(1000):
            pause = self.run()
            if pause is None:
                return
            self.clock.wait(max(pause, 0.000001))
        raise AssertionError("it never ends")

    async def happen(self, file_id: UUID, times: int = 1) -> list[Event]:
        """Put a file into the trash or out of it; the events of it that the endpoint is told of."""
        for _ in range(times):
            file = await self.records.get(file_id)
            assert file is not None
            await self.records.change(file_id, deleted=self.clock.now() if file.deleted is None else None)
        await place_all(self.records)
        events = await self.records.events_after(0, file_id=file_id, limit=10_000)
        return [event for event in events if event.type in TOLD_OF]

    def events(self, files: int, each: int) -> list[list[Event]]:
        """So many events of so many files, those of different files mixed."""
        these = [run_straight(self.bench.add()) for _ in range(files)]
        for _ in range(each):
            for file in these:
                run_straight(self.happen(file.id))
        return [run_straight(self.happen(file.id, 0)) for file in these]

    @property
    def endpoint(self) -> Endpoint:
        (found,) = [each for each in run_straight(self.records.endpoints()) if each.url == self.url]
        return found

    def counts(self) -> tuple[int, int, int]:
        """Deliveries that wait, are retried, are dead."""
        (state,) = [e for e in run_straight(self.records.endpoint_states()) if e.endpoint.url == self.url]
        return state.waiting, state.retrying, state.dead


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingSqlRecords]:
    path: Path = tmp_path_factory.mktemp("deliveries") / "partway.sqlite3"
    url = f"sqlite:///{path}?synchronous=normal"
    upgrade(url)
    records = connect_blocking_records(url)
    yield records
    run_straight(records.aclose())


@pytest.fixture
def house(records: BlockingSqlRecords) -> House:
    return House(records)


def ids(events: Sequence[Event]) -> list[UUID]:
    return [event.id for event in events]


def test_an_endpoint_is_told_of_what_it_wants_to_hear(house: House) -> None:
    files = house.events(files=3, each=2)
    assert house.run() is None
    assert sorted(house.line.taken) == sorted(event.id for events in files for event in events)
    assert house.run() is None
    assert house.line.attempts == 6
    assert house.counts() == (0, 0, 0)


def test_what_happened_before_its_first_start_is_no_news(records: BlockingSqlRecords) -> None:
    house = House(records, start=False)
    file = run_straight(house.bench.add())
    run_straight(records.change(file.id, deleted=house.clock.now()))  # it has no position yet
    run_straight(house.open())
    assert house.run() is None
    assert house.line.taken == []


def test_events_that_nobody_wants_cost_no_write(house: House) -> None:
    before = house.endpoint
    for _ in range(5):
        run_straight(house.bench.add())
    run_straight(place_all(house.records))
    assert house.run() is None
    assert house.endpoint == before


def test_more_than_a_batch_is_told_at_once(house: House) -> None:
    for _ in range(120):
        run_straight(house.bench.add())
    (events,) = house.events(files=1, each=250)
    assert house.run() is None
    assert house.line.taken == ids(events)


def test_later_events_of_a_file_wait_while_others_go_on(house: House) -> None:
    (one, other) = house.events(files=2, each=3)
    house.line.answer = lambda event_id: DOWN if event_id == one[0].id else OK
    assert house.run() == 5.5
    assert house.line.taken == ids(other)
    assert house.counts() == (2, 1, 0)
    more = run_straight(house.happen(one[0].file_id, 2))[3:]
    assert house.run() == 5.5
    assert house.counts() == (4, 1, 0)
    house.line.answer = lambda event_id: OK
    assert house.run() == 5.5
    house.clock.wait(5.5)
    assert house.run() is None
    assert house.line.taken == ids([*other, *one, *more])
    assert house.counts() == (0, 0, 0)


def test_a_dead_letter_stands_in_nobodys_way_and_is_sent_again_on_demand(house: House) -> None:
    ((first, second),) = house.events(files=1, each=2)
    house.line.answer = lambda event_id: DOWN if event_id == first.id else OK
    begun = house.clock.now()
    house.run_out()
    assert timedelta(hours=75) < house.clock.now() - begun < timedelta(hours=91)
    assert house.line.attempts == len(DELAYS) + 2
    assert house.line.taken == [second.id]
    assert house.counts() == (0, 0, 1)
    house.line.answer = lambda event_id: OK
    run_straight(house.records.requeue_dead(house.url, event_ids=None, now=house.clock.now()))
    assert house.run() is None
    assert house.line.taken == [second.id, first.id]
    assert house.counts() == (0, 0, 0)


def test_a_replay_tells_everything_again_in_order(house: House) -> None:
    (one, other) = house.events(files=2, each=3)
    house.run()
    run_straight(house.records.rewind_endpoint(house.url, since=one[0].created, now=house.clock.now()))
    taken = list(house.line.taken)
    assert house.run() is None
    assert house.line.taken == taken * 2
    assert set(taken) == set(ids([*one, *other]))


def test_an_endpoint_that_wants_no_more_is_left_alone_until_it_is_opened(house: House) -> None:
    ((first, second),) = house.events(files=1, each=2)
    house.line.answer = lambda event_id: GONE
    assert house.run() is None
    assert house.endpoint.closed == house.clock.now()
    house.clock.wait(1_000_000)
    assert house.run() is None
    assert house.line.attempts == 1
    house.line.answer = lambda event_id: OK
    run_straight(house.open())
    assert house.run() is None
    assert house.line.taken == [first.id, second.id]


def test_a_slow_endpoint_is_left_to_others_before_the_lease_ends(house: House) -> None:
    files = house.events(files=20, each=1)

    def slowly(event_id: UUID) -> Answer:
        assert house.clock.now() < house.endpoint.leased - timedelta(seconds=15)
        house.clock.wait(14)
        return OK

    house.line.answer = slowly
    assert house.run() is None
    assert sorted(house.line.taken) == sorted(events[0].id for events in files)


def test_one_that_lost_its_lease_notes_nothing(house: House) -> None:
    ((first,),) = house.events(files=1, each=1)

    def asleep(event_id: UUID) -> Answer:
        house.clock.wait(LEASE.total_seconds())
        house.line.answer = lambda event_id: OK
        return OK

    house.line.answer = asleep
    before = house.endpoint.position
    assert house.run() is None
    assert house.line.taken == [first.id, first.id]
    assert before < house.endpoint.position


def test_whoever_stops_begins_no_more_and_notes_what_was_done(house: House) -> None:
    (one,) = house.events(files=1, each=3)
    teller = house.teller()

    def last(event_id: UUID) -> Answer:
        teller.stop()
        return OK

    house.line.answer = last
    run_straight(teller.run())
    assert house.line.taken == [one[0].id]
    assert house.endpoint.leased == house.clock.now()
    house.line.answer = lambda event_id: OK
    assert house.run() is None
    assert house.line.taken == ids(one)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=12),
    st.lists(st.sampled_from([OK, OK, OK, DOWN, RESET, GONE, None]), max_size=40),
)
@example([(0, 0)], [DOWN] * 40)
def test_whatever_happens_each_event_is_told_and_those_of_a_file_in_order(
    records: BlockingSqlRecords, history: list[tuple[int, int]], answers: list[Answer | None]
) -> None:
    house = House(records)
    files = [run_straight(house.bench.add()) for _ in range(4)]
    left = iter(answers)
    refused: Counter[UUID] = Counter()

    def answer(event_id: UUID) -> Answer:
        now = next(left, OK)
        if now in {DOWN, RESET}:
            refused[event_id] += 1
            return OK if refused[event_id] > len(DELAYS) else now  # one time more, and it would be given up
        if now is None:  # it was taken, and the sender died before it could note that
            house.line.taken.append(event_id)
            raise Killed
        return now

    house.line.answer = answer
    for which, seconds in [*history, (0, 0)]:
        run_straight(house.happen(files[which].id))
        house.clock.wait(seconds)
        run_until_killed(house)
    for _ in range(100):
        run_straight(house.open())
        pause = run_until_killed(house)
        if house.endpoint.closed is None and pause is None:
            break
        house.clock.wait(pause or 1)
    first_told: dict[UUID, list[UUID]] = defaultdict(list)
    file_of = {}
    for file in files:
        for event in run_straight(house.happen(file.id, 0)):
            file_of[event.id] = file.id
    for event_id in dict.fromkeys(house.line.taken):
        first_told[file_of[event_id]].append(event_id)
    for file in files:
        assert first_told[file.id] == ids(run_straight(house.happen(file.id, 0)))
    repeated = len(house.line.taken) - len(set(house.line.taken))
    assert repeated <= sum(each is None for each in answers) * len(file_of)
    assert house.counts() == (0, 0, 0)


def run_until_killed(house: House) -> float | None:
    try:
        return house.run()
    except Killed:
        return LEASE.total_seconds()


def test_rivals_send_each_event_once(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    upgrade(url)
    asyncio.run(rivals(url))


async def rivals(url: str) -> None:
    pools = [connect_records(url) for _ in range(4)]
    try:
        await send_as_rivals(pools)
    finally:
        for each in pools:
            await each.aclose()


async def send_as_rivals(pools: Sequence[SqlRecords]) -> None:
    house = House(pools[0], start=False)
    await house.open()

    class Slow(Line):
        async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
            await asyncio.sleep(0)
            return await super().post(url, headers=headers, body=body)

    house.line = Slow(house.clock)
    tellers = [
        Deliveries(house.url, records=each, sender=house.line, settings=house.settings, clock=house.clock)
        for each in pools
    ]
    file = await house.bench.add()
    for _ in range(5):
        events = await house.happen(file.id, 6)
        await asyncio.gather(*(teller.run() for teller in tellers))
        house.clock.wait(1)
    for teller in tellers:
        await teller.run()
    assert house.line.taken == ids(events)
