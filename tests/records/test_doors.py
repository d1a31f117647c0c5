"""Every verb goes through the door: whatever becomes of the database, only our errors come out."""

import asyncio
import inspect
import sqlite3
from pathlib import Path

import pytest

from partway.core.blocking import run_straight
from partway.core.file import UploadStatus
from partway.core.parts import StoredPart
from partway.core.ports import BulkRecords, Checkable, FileQuery, Records, TrashRecords, UsageRecords
from partway.errors import RecordsUnavailable
from partway.records.connect import BlockingSqlRecords, connect_blocking_records, connect_records
from partway.records.contract import Bench, in_own_threads
from partway.records.migrate import upgrade
from partway.records.sqlite import BlockingSqlite
from tests.servers.postgres import PostgresServer

READS = ("get", "page", "reported_parts", "get_all", "usage", "reclaimable", "check")


def deeds(records):
    """One call of every verb of every port."""
    file = Bench(records=records).file()
    return {
        "add": lambda: records.add(file),
        "get": lambda: records.get(file.id),
        "change": lambda: records.change(file.id, name="new"),
        "page": lambda: records.page(FileQuery()),
        "remove": lambda: records.remove(file.id),
        "report_parts": lambda: records.report_parts(file.id, [StoredPart(part_number=1, size=1, etag="a")]),
        "reported_parts": lambda: records.reported_parts(file.id),
        "add_all": lambda: records.add_all([file]),
        "get_all": lambda: records.get_all([file.id]),
        "change_each": lambda: records.change_each({file.id: {"name": "new"}}, when=[UploadStatus.PENDING]),
        "remove_all": lambda: records.remove_all([file.id]),
        "claim_trash": lambda: records.claim_trash(file.created, now=file.created, limit=1),
        "usage": lambda: records.usage("owner"),
        "reclaimable": lambda: records.reclaimable(owner=None, single_puts_before=file.created, limit=1),
        "check": records.check,
    }


def test_no_verb_is_forgotten():
    verbs = {
        name
        for port in (Records, BulkRecords, TrashRecords, UsageRecords, Checkable)
        for name, member in vars(port).items()
        if inspect.iscoroutinefunction(member)
    }
    assert deeds(connect_blocking_records("sqlite:///unused")).keys() == verbs


async def expect_unavailable(records):
    for verb, deed in deeds(records).items():
        with pytest.raises(RecordsUnavailable) as raised:
            await deed()
        assert raised.value.facts["retry_after"] > 0, verb


@pytest.fixture
def own_postgres():
    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.mark.parametrize("tcp", [False, True])
def test_postgres_dies_and_comes_back(own_postgres, tcp):
    url = own_postgres.new_database(tcp=tcp)
    upgrade(url)
    blocking = connect_blocking_records(url)

    async def on_a_loop():
        records = connect_records(url)
        bench = Bench(records=records)
        file = await bench.add()
        await asyncio.to_thread(own_postgres.kill)
        await expect_unavailable(records)
        await asyncio.to_thread(own_postgres.start)
        assert await records.get(file.id) == file
        await records.aclose()

    file = run_straight(Bench(records=blocking).add())
    asyncio.run(on_a_loop())
    with pytest.raises(RecordsUnavailable):  # its connection died with the server
        run_straight(blocking.get(file.id))
    assert run_straight(blocking.get(file.id)) == file
    own_postgres.kill()
    run_straight(expect_unavailable(blocking))
    own_postgres.start()
    assert run_straight(blocking.get(file.id)) == file
    run_straight(blocking.aclose())


def test_a_restart_costs_one_verb_not_one_for_every_connection(own_postgres):
    url = own_postgres.new_database()
    upgrade(url)
    records = connect_blocking_records(url)
    run_straight(in_own_threads([records.check] * 8))
    own_postgres.kill()
    own_postgres.start()
    with pytest.raises(RecordsUnavailable):
        run_straight(records.check())
    run_straight(in_own_threads([records.check] * 8))
    run_straight(records.aclose())


def test_a_restart_of_an_idle_database_costs_nothing_on_a_loop(own_postgres):
    url = own_postgres.new_database()
    upgrade(url)

    async def on_a_loop():
        records = connect_records(url)
        await asyncio.gather(*(records.check() for _ in range(20)))
        await asyncio.to_thread(own_postgres.kill)
        await asyncio.to_thread(own_postgres.start)
        await asyncio.gather(*(records.check() for _ in range(20)))
        await records.aclose()

    asyncio.run(on_a_loop())


def test_sqlite_without_its_folder(tmp_path):
    records = connect_blocking_records(f"sqlite:///{tmp_path}/missing/x.db")
    run_straight(expect_unavailable(records))


def test_sqlite_without_its_folder_on_a_loop(tmp_path):
    async def on_a_loop():
        records = connect_records(f"sqlite:///{tmp_path}/missing/x.db")
        await expect_unavailable(records)
        await records.aclose()

    asyncio.run(on_a_loop())


def test_sqlite_locked_by_another(tmp_path):
    path = Path(tmp_path / "partway.sqlite3")
    upgrade(f"sqlite:///{path}")
    records = BlockingSqlRecords(BlockingSqlite(path, pool_size=2, busy_seconds=0.01))
    rival = sqlite3.connect(path, isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    for verb, deed in deeds(records).items():
        if verb in READS:
            run_straight(deed())  # readers do not wait for a writer
        else:
            with pytest.raises(RecordsUnavailable, match="locked"):
                run_straight(deed())
    rival.execute("ROLLBACK")
    rival.close()
    run_straight(deeds(records)["add"]())
    run_straight(records.aclose())
