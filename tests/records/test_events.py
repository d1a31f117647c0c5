"""Events are written by the database itself, and positions are given to what is committed, in order."""

from __future__ import annotations

from contextlib import closing
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import create_engine, text

from partway.core.blocking import run_straight
from partway.core.events import EventType
from partway.core.file import UploadStatus
from partway.records.connect import connect_blocking_records, read_url, sqlite_path
from partway.records.contract import Bench
from partway.records.event_statements import EventStatements
from partway.records.migrate import upgrade
from partway.records.sqlite import BlockingSqlite, connect_sqlite


@pytest.fixture
def bench(url):
    records = connect_blocking_records(url)
    yield Bench(records=records)
    run_straight(records.aclose())


@pytest.fixture
def postgres_url(postgres):
    url = postgres.new_database()
    upgrade(url)
    return url


@pytest.fixture
def postgres_bench(postgres_url):
    records = connect_blocking_records(postgres_url)
    yield Bench(records=records)
    run_straight(records.aclose())


def types(bench, file=None):
    events = run_straight(bench.records.events_after(0, file_id=file and file.id))
    return [event.type for event in events]


def test_whoever_writes_leaves_events(url, bench):
    file = run_straight(bench.add())
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        for change in (
            "UPDATE partway_files SET upload_status = 'aborted', deleted = '2026-01-01 00:00:00.000000'",
            "UPDATE partway_files SET upload_status = 'pending'",
            "UPDATE partway_files SET deleted = NULL",
            "DELETE FROM partway_files",
        ):
            connection.execute(text(change))
    engine.dispose()
    run_straight(bench.records.place_events())
    expected = [EventType.ABORTED, EventType.DELETED, EventType.RESTORED, EventType.REMOVED]
    assert types(bench, file) == [EventType.INITIATED, *expected]


def test_ids_of_events_are_random_uuids(bench):
    run_straight(bench.records.add_all([bench.file() for _ in range(200)]))
    run_straight(bench.records.place_events())
    ids = [event.id for event in run_straight(bench.records.events_after(0, limit=1000))]
    assert len(set(ids)) == 200
    assert {(each.version, each.variant) for each in ids} == {(4, UUID(int=0, version=4).variant)}


def test_who_commits_late_is_read_late(postgres_url, postgres_bench):
    """Its event was inserted first; a reader that went by that number would miss it."""
    bench, records = postgres_bench, postgres_bench.records
    slow, quick = run_straight(bench.add()), run_straight(bench.add())
    run_straight(records.place_events())
    read = run_straight(records.last_position())
    with closing(psycopg.connect(postgres_url)) as connection:
        connection.execute("UPDATE partway_files SET upload_status = 'uploading' WHERE id = %s", [slow.id])
        run_straight(records.change(quick.id, upload_status=UploadStatus.UPLOADING))
        run_straight(records.place_events())
        (event,) = run_straight(records.events_after(read))
        assert event.file_id == quick.id
        connection.commit()
    run_straight(records.change(slow.id, upload_status=UploadStatus.ABORTED))
    run_straight(records.place_events())
    late = run_straight(records.events_after(event.position))
    assert [(event.file_id, event.type) for event in late] == [
        (slow.id, EventType.UPLOADING),
        (slow.id, EventType.ABORTED),
    ]


def test_one_gives_positions_at_a_time(postgres_url, postgres_bench):
    bench, records = postgres_bench, postgres_bench.records
    run_straight(bench.add())
    with closing(psycopg.connect(postgres_url)) as connection:
        assert connection.execute("SELECT partway_place_events(10)").fetchone() == (1,)
        run_straight(bench.add())
        assert run_straight(records.place_events()) == 0, "another is at it"
        assert types(bench) == [], "it has not committed"
        connection.commit()
    assert run_straight(records.place_events()) == 2
    assert len(types(bench)) == 2


def test_a_place_that_died_is_given_by_the_next(postgres_url, postgres_bench):
    run_straight(postgres_bench.add())
    with closing(psycopg.connect(postgres_url)) as connection:
        connection.execute("SELECT partway_place_events(10)")
        connection.rollback()
    assert run_straight(postgres_bench.records.place_events()) == 1


@pytest.mark.parametrize(
    ("shape", "index"),
    [
        ({"of_file": False, "of_owner": False}, "partway_events_in_order"),
        ({"of_file": True, "of_owner": False}, "partway_events_of_file"),
        ({"of_file": False, "of_owner": True}, "partway_events_of_owner"),
    ],
)
def test_readers_walk_an_index(sqlite_url, shape, index):
    path = sqlite_path(read_url(sqlite_url))
    statement = EventStatements(BlockingSqlite(path, pool_size=1).dialect).after(**shape)
    with closing(connect_sqlite(path)) as connection:
        values = [1] * statement.sql.count("?")
        plan = " ".join(step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", values))
    assert index in plan
    assert "TEMP B-TREE" not in plan
