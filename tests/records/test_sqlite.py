"""SQLite: pages walk an index, writes are durable, several processes may write at once."""

import multiprocessing
import sqlite3

import pytest

from partway.core.blocking import run_straight
from partway.core.file import UploadStatus
from partway.core.ports import FileQuery
from partway.records.connect import connect_blocking_records, read_url, sqlite_path
from partway.records.contract import Bench
from partway.records.cursors import Cursor
from partway.records.sqlite import BlockingSqlite, connect_sqlite
from partway.records.statements import Statements

CURSOR = Cursor(newer=False, created=Bench(records=None).file().created, id=Bench(records=None).file().id)


@pytest.mark.parametrize("cursor", [None, CURSOR])
@pytest.mark.parametrize(
    ("query", "index"),
    [
        (FileQuery(owner="a"), "partway_files_by_owner"),
        (FileQuery(owner="a", status=UploadStatus.COMPLETED, search="x"), "partway_files_by_owner"),
        (FileQuery(), "partway_files_newest"),
        (FileQuery(owner="a", fingerprint="f"), "partway_files_by_fingerprint"),
        (FileQuery(parent_content_type="p", parent_object_id="1"), "partway_files_by_parent"),
    ],
)
def test_pages_walk_an_index(sqlite_url, query, index, cursor):
    path = sqlite_path(read_url(sqlite_url))
    statement = Statements(BlockingSqlite(path, pool_size=1).dialect).page(query, cursor=cursor)
    connection = connect_sqlite(path)
    plan = " ".join(
        step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", ["x"] * statement.sql.count("?"))
    )
    connection.close()
    assert index in plan
    if index in {"partway_files_by_owner", "partway_files_newest"}:
        assert "TEMP B-TREE" not in plan


def test_a_record_outlives_a_power_cut(sqlite_url):
    connection = connect_sqlite(sqlite_path(read_url(sqlite_url)))
    found = [
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")
    ]
    connection.close()
    assert found == ["wal", 2, 1]


@pytest.mark.parametrize(("query", "synchronous"), [("", 2), ("?synchronous=full", 2), ("?synchronous=normal", 1)])
def test_the_url_says_when_a_write_is_safe(sqlite_url, query, synchronous):
    records = connect_blocking_records(sqlite_url + query)
    run_straight(records.check())
    with records._database._pool.connection() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    run_straight(records.aclose())


def add_some(url, count):
    records = connect_blocking_records(url)
    bench = Bench(records=records, owner="everyone")
    for _ in range(count):
        file = run_straight(bench.add())
        assert run_straight(records.change(file.id, when={UploadStatus.PENDING}, upload_status=UploadStatus.UPLOADING))
        run_straight(records.add_all([bench.file(), bench.file()]))
    run_straight(records.aclose())


def test_processes_may_write_at_once(sqlite_url):
    start = multiprocessing.get_context("spawn")
    processes = [start.Process(target=add_some, args=(sqlite_url, 40)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    connection = sqlite3.connect(sqlite_path(read_url(sqlite_url)))
    assert connection.execute("SELECT count(*) FROM partway_files").fetchone() == (360,)
    connection.close()
