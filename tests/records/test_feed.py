"""The feed wakes who waits: in its own process and in others, and again after the database was away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest

from partway.core.events import Progress
from partway.records.connect import connect_feed, connect_records
from partway.records.contract import Bench
from partway.records.feed import Branch, Feed
from partway.records.migrate import upgrade
from partway.records.sql import SqlRecords
from tests.servers.postgres import PostgresServer

SECONDS = 30  #: that a test waits at most for what must come


@dataclass
class Process:
    """What one process of the service has of events."""

    feed: Feed
    records: SqlRecords

    async def add(self):
        return await Bench(records=self.records).add()


@asynccontextmanager
async def process(url):
    feed = connect_feed(url)
    records = connect_records(url, changed=feed.tell)
    feed.start(records)
    try:
        yield Process(feed, records)
    finally:
        await feed.stop()
        await records.aclose()


async def found(branch: Branch, records: SqlRecords, file) -> None:
    """Wait for a file's event as readers do."""
    async with asyncio.timeout(SECONDS):
        while not await records.events_after(0, file_id=file.id):
            await branch.next(timeout=SECONDS)


async def heard(branch: Branch, sender: Feed) -> Progress:
    """Tell progress until it is heard at a branch."""
    async with asyncio.timeout(SECONDS):
        while True:
            sender.tell(progress())
            if told := await branch.next(timeout=0.5):
                return told[0]


def progress(uploaded_parts=1, **fields):
    counts = {"uploaded_parts": uploaded_parts, "num_parts": 9, "uploaded_size": 5, "file_size": 45}
    return Progress(**{"file_id": uuid4(), "owner": "alice"} | counts | fields)


@pytest.fixture
def postgres_url(postgres):
    url = postgres.new_database()
    upgrade(url)
    return url


def listeners(url):
    """The connections that listen."""
    said = "^(LISTEN|SELECT pg_notify|SELECT 1$)"
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ~ %s", [said]
        ).fetchall()
    return [pid for (pid,) in rows]


def test_a_change_wakes_who_waits(url):
    async def story():
        async with process(url) as one:
            branch, other = one.feed.branch(), one.feed.branch()
            file = await one.add()
            await asyncio.gather(found(branch, one.records, file), found(other, one.records, file))

    asyncio.run(story())


def test_a_change_by_another_process_is_found(url):
    async def story():
        async with process(url) as one, process(url) as other:
            branch = one.feed.branch()
            await found(branch, one.records, await other.add())
            silent = connect_records(url)  # tells nobody, as a process that died
            file = await Bench(records=silent).add()
            await found(branch, one.records, file)
            await silent.aclose()

    asyncio.run(story())


def test_what_is_told_between_two_looks_is_not_lost(sqlite_url):
    async def story():
        async with process(sqlite_url) as one:
            branch, other = one.feed.branch(), one.feed.branch()
            first, second = progress(1), progress(1)
            for news in (first, second, progress(2, file_id=first.file_id)):
                branch.tell(news)
            told = await branch.next(timeout=SECONDS)
            assert [(news.file_id, news.uploaded_parts) for news in told] == [(second.file_id, 1), (first.file_id, 2)]
            assert len(await other.next(timeout=SECONDS)) == 2
            while await branch.next(timeout=0) is not None:
                pass
            assert await branch.next(timeout=0.01) is None

    asyncio.run(story())


def test_who_never_looks_holds_little(sqlite_url):
    async def story():
        feed = connect_feed(sqlite_url)
        branch = feed.branch()
        for number in range(3000):
            feed.tell(progress(number))
        told = await branch.next(timeout=SECONDS)
        assert [news.uploaded_parts for news in told] == list(range(2000, 3000))

    asyncio.run(story())


def test_progress_reaches_other_processes(postgres_url):
    async def story():
        async with process(postgres_url) as one, process(postgres_url) as other:
            assert (await heard(one.feed.branch(), other.feed)).owner == "alice"
            many = [progress(number, owner="o" * 255) for number in range(200)]  # more than one notification holds
            branch = one.feed.branch()
            for news in many:
                other.feed.tell(news)
            wanted = {news.file_id for news in many}
            async with asyncio.timeout(SECONDS):
                while wanted:
                    wanted -= {news.file_id for news in await branch.next(timeout=SECONDS) or ()}

    asyncio.run(story())


def test_a_process_does_not_hear_itself(postgres_url):
    async def story():
        async with process(postgres_url) as one, process(postgres_url) as other:
            await heard(other.feed.branch(), one.feed)
            branch, elsewhere = one.feed.branch(), other.feed.branch()
            news = progress()
            one.feed.tell(news)
            told, told_elsewhere = [], []
            while news not in told_elsewhere:
                told_elsewhere += await elsewhere.next(timeout=SECONDS)
            while (more := await branch.next(timeout=0)) is not None:
                told += more
            assert told.count(news) == 1

    asyncio.run(story())


def test_a_lost_line_is_opened_again(postgres_url):
    async def story():
        async with process(postgres_url) as one, process(postgres_url) as other:
            branch = one.feed.branch()
            await heard(branch, other.feed)
            before = listeners(postgres_url)
            assert len(before) == 2
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                for pid in before:
                    connection.execute("SELECT pg_terminate_backend(%s)", [pid])
            await found(branch, one.records, await other.add())
            await heard(one.feed.branch(), other.feed)
            assert not set(listeners(postgres_url)) & set(before)

    asyncio.run(story())


def test_a_database_that_comes_back_is_heard_again():
    server = PostgresServer().start()
    try:
        url = server.new_database()
        upgrade(url)

        async def story():
            async with process(url) as one, process(url) as other:
                branch = one.feed.branch()
                await heard(branch, other.feed)
                await asyncio.to_thread(server.kill)
                other.feed.tell()
                await branch.next(timeout=0.3)
                await asyncio.to_thread(server.start)
                await found(branch, one.records, await other.add())
                await heard(one.feed.branch(), other.feed)

        asyncio.run(story())
    finally:
        server.stop()
