"""Database URLs as people write them, and what is said of those that cannot work."""

import asyncio
import sys

import pytest

from partway.core.blocking import run_straight
from partway.core.ports import BulkRecords, Checkable, UsageRecords
from partway.errors import Misconfigured, MissingExtra, RecordsUnavailable, WouldBlock
from partway.records.connect import connect_blocking_records, connect_records
from partway.records.contract import Bench
from partway.records.memory import MemoryRecords
from partway.records.migrate import upgrade


def round_trip(url):
    records = connect_blocking_records(url)
    file = run_straight(Bench(records=records).add())
    assert run_straight(records.get(file.id)) == file
    run_straight(records.aclose())

    async def on_a_loop():
        records = connect_records(url)
        assert await records.get(file.id) == file
        await records.aclose()

    asyncio.run(on_a_loop())


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_every_scheme_of_postgres(postgres, scheme):
    url = postgres.new_database(tcp=True).replace("postgresql", scheme, 1)
    upgrade(url)
    round_trip(url)


def test_parameters_of_libpq(postgres):
    url = postgres.new_database() + "&connect_timeout=5&application_name=tests&sslmode=prefer&channel_binding=prefer"
    upgrade(url)
    round_trip(url)


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
def test_every_scheme_of_sqlite(tmp_path, scheme):
    url = f"{scheme}:///{tmp_path}/files.db"
    upgrade(url)
    round_trip(url)


@pytest.mark.parametrize(
    "url",
    ["mysql://root:s3cret@host/db", "s3cret", "", "sqlite://", "sqlite:///:memory:", "sqlite://s3cret.db", "sqlite:///x.db?synchronous=off",
     "sqlite:///x.db?mode=ro",
     "postgresql://user:s3cret@host", "postgresql://user:s3cret@host:port/db"],
)  # fmt: skip
@pytest.mark.parametrize("connect", [connect_records, connect_blocking_records, upgrade])
def test_a_wrong_url_is_explained_without_its_password(connect, url):
    with pytest.raises(Misconfigured, match="sqlite:///path") as raised:
        connect(url)
    assert "s3cret" not in raised.value.detail
    assert raised.value.facts["setting"] == "PARTWAY_DATABASE_URL"


def fail(url, *, error):
    """How both drivers and the migrations fail on a URL; returns all that was said."""

    async def on_a_loop():
        records = connect_records(url)
        try:
            await records.check()
        finally:
            await records.aclose()

    said = []
    for deed in (
        lambda: asyncio.run(on_a_loop()),
        lambda: run_straight(connect_blocking_records(url).check()),
        lambda: upgrade(url),
    ):
        with pytest.raises(error) as raised:
            deed()
        assert "s3cret" not in raised.value.detail
        said.append(raised.value)
    return said


def test_an_unknown_host_is_a_wrong_setting():
    for error in fail("postgresql://user:s3cret@no-such-host.invalid/db", error=Misconfigured):
        assert "no-such-host.invalid" in error.detail


def test_an_unknown_database_is_a_wrong_setting(postgres):
    for error in fail(postgres.url("nowhere", tcp=True), error=Misconfigured):
        assert "nowhere" in error.detail


def test_a_port_where_nobody_listens_may_come_up_later():
    for error in fail("postgresql://user:s3cret@127.0.0.1:1/db", error=RecordsUnavailable):
        assert "127.0.0.1:1" in error.detail
        assert error.facts["retry_after"] > 0


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "x").write_bytes(b"this is not a database, whatever its name says " * 100)
    fail(f"sqlite:///{tmp_path}/x", error=RecordsUnavailable)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="cannot be made"):
        upgrade(f"sqlite:///{tmp_path}/file/below/x")


@pytest.mark.parametrize(("module", "connect"), [("asyncpg", connect_records), ("psycopg", connect_blocking_records)])
def test_a_missing_driver_is_named_with_its_extra(monkeypatch, module, connect):
    monkeypatch.setitem(sys.modules, module, None)
    for name in ("partway.records.postgres", "partway.records.blocking_postgres"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(MissingExtra, match=r"partway\[postgres\]"):
        connect("postgresql://localhost/db")


def test_blocking_records_refuse_an_event_loop(url):
    records = connect_blocking_records(url)

    async def on_a_loop():
        await records.check()

    with pytest.raises(WouldBlock, match="connect_records"):
        asyncio.run(on_a_loop())
    run_straight(records.check())
    run_straight(records.aclose())


def test_every_kind_has_the_optional_powers(url):
    blocking = connect_blocking_records(url)
    asynchronous = connect_records(url)
    for records in (blocking, asynchronous, MemoryRecords()):
        assert isinstance(records, BulkRecords)
        assert isinstance(records, UsageRecords)
        assert isinstance(records, Checkable)
    asyncio.run(asynchronous.aclose())
