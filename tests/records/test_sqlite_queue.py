"""Many writes share one commit, and each still stands or falls by itself."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from partway.core.file import UploadStatus
from partway.errors import Conflict, InvalidInput, PartwayError, RecordsUnavailable
from partway.records.connect import connect_records
from partway.records.contract import Bench
from partway.records.migrate import upgrade
from partway.records.sql import SqlRecords
from partway.records.sqlite_queue import QueuedSqlite


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'records.sqlite3'}"
    upgrade(url)
    return url


def test_a_refused_write_fails_alone(url: str) -> None:
    async def story() -> None:
        records = connect_records(url)
        bench = Bench(records=records)
        files = [bench.file() for _ in range(60)]
        await records.add(files[7])
        outcomes = await asyncio.gather(*(records.add(file) for file in files), return_exceptions=True)
        assert [type(each) for each in outcomes] == [
            Conflict if number == 7 else type(files[0]) for number in range(60)
        ]
        assert len(await records.get_all([file.id for file in files])) == 60
        await records.aclose()

    asyncio.run(story())


def test_bulk_writes_among_others_are_whole_or_not_there(url: str) -> None:
    async def story() -> None:
        records = connect_records(url)
        bench = Bench(records=records)
        taken = bench.file()
        await records.add(taken)
        bad, good = [bench.file(), bench.file(), taken], [bench.file(), bench.file()]
        singles = [bench.file() for _ in range(20)]
        outcomes = await asyncio.gather(
            records.add_all(bad),
            *(records.add(file) for file in singles),
            records.add_all(good),
            return_exceptions=True,
        )
        assert [isinstance(each, PartwayError) for each in outcomes] == [True] + [False] * 21
        there = {file.id for file in await records.get_all([file.id for file in [*bad, *good, *singles]])}
        assert there == {taken.id, *(file.id for file in [*good, *singles])}
        await records.aclose()

    asyncio.run(story())


def test_a_cancelled_wait_harms_nobody(url: str) -> None:
    async def story() -> None:
        records = connect_records(url)
        bench = Bench(records=records)
        files = [bench.file() for _ in range(30)]
        tasks = [asyncio.create_task(records.add(file)) for file in files]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(each, asyncio.CancelledError) for each in done) == 10
        found = {file.id for file in await records.get_all([file.id for file in files])}
        assert {file.id for number, file in enumerate(files) if number % 3} <= found
        await records.aclose()

    asyncio.run(story())


def test_what_waits_is_done_before_it_closes_and_it_opens_again(url: str) -> None:
    async def story() -> None:
        records = connect_records(url)
        file = Bench(records=records).file()
        adding = asyncio.create_task(records.add(file))
        await asyncio.sleep(0)
        await records.aclose()
        assert (await adding).id == file.id
        assert await records.get(file.id) == file
        await records.aclose()

    asyncio.run(story())


def test_a_lock_held_too_long_is_told_to_each(url: str, tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite3"

    async def story() -> None:
        records = SqlRecords(QueuedSqlite(path, busy_seconds=0.1))
        bench = Bench(records=records)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as rival:
            rival.execute("BEGIN IMMEDIATE")
            outcomes = await asyncio.gather(*(records.add(bench.file()) for _ in range(5)), return_exceptions=True)
            rival.execute("ROLLBACK")
        assert {type(each) for each in outcomes} == {RecordsUnavailable}
        assert await records.add(bench.file())
        await records.aclose()

    asyncio.run(story())


def test_a_value_that_no_database_holds_is_refused_before_it_waits(url: str) -> None:
    async def story() -> None:
        records = connect_records(url)
        file = Bench(records=records).file()
        await records.add(file)
        with pytest.raises(InvalidInput):
            await records.change(file.id, failure="a\x00b")
        assert await records.change(file.id, when={UploadStatus.PENDING}, failure="ab") is not None
        await records.aclose()

    asyncio.run(story())
