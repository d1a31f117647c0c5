"""Records in memory, in SQLite and in PostgreSQL pass their contract, on a loop and straight through."""

import asyncio

import pytest

from partway.core.blocking import run_straight
from partway.records.connect import connect_blocking_records, connect_records
from partway.records.contract import CHECKS, Bench, ContractBroken, check_records, in_own_threads
from partway.records.memory import MemoryRecords
from partway.records.migrate import upgrade


@pytest.fixture(scope="module")
def sqlite_url(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('records') / 'partway.sqlite3'}"
    upgrade(url)
    return url


@pytest.fixture(scope="module")
def postgres_url(postgres):
    url = postgres.new_database()
    upgrade(url)
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    return request.getfixturevalue(f"{request.param}_url")


@pytest.mark.parametrize("name", CHECKS)
def test_memory_passes_straight_through(name):
    run_straight(CHECKS[name](Bench(records=MemoryRecords(), together=in_own_threads)))


@pytest.mark.parametrize("name", CHECKS)
def test_sql_passes_on_an_event_loop(name, url):
    async def run():
        records = connect_records(url)
        try:
            await CHECKS[name](Bench(records=records))
        finally:
            await records.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("name", CHECKS)
def test_sql_passes_straight_through(name, url):
    records = connect_blocking_records(url)
    try:
        run_straight(CHECKS[name](Bench(records=records, together=in_own_threads)))
    finally:
        run_straight(records.aclose())


class ForgetfulRecords(MemoryRecords):
    """Broken records: they compare no status."""

    async def change(self, file_id, *, when=None, **changes):
        return await super().change(file_id, **changes)


def test_broken_records_are_found_and_the_check_is_named():
    with pytest.raises(ContractBroken, match="a_change_in_another_status_is_none"):
        asyncio.run(check_records(ForgetfulRecords()))


def test_whole_records_pass():
    asyncio.run(check_records(MemoryRecords()))
