"""Going through the records by key walks the index on it, whatever language the database speaks."""

import sqlite3

import psycopg
import pytest

from partway.core.blocking import run_straight
from partway.records.connect import connect_blocking_records, read_url, sqlite_path
from partway.records.migrate import upgrade


@pytest.fixture
def postgres_url(postgres):
    url = postgres.new_database()
    upgrade(url)
    return url


def by_key(url):
    """The statement."""
    records = connect_blocking_records(url)
    statement = records._statements.by_key
    run_straight(records.aclose())
    return statement


def test_postgres_compares_keys_by_their_bytes(postgres_url):
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute(
            "SELECT collation_name FROM information_schema.columns "
            "WHERE table_name = 'partway_files' AND column_name IN ('key', 'name') ORDER BY column_name"
        ).fetchall()
    assert found == [("C",), (None,)]


def test_postgres_walks_the_index(postgres_url):
    statement = by_key(postgres_url)
    text = statement.sql
    for name in ("$3", "$2", "$1", "%s"):
        text = text.replace(name, "'1'")
    with psycopg.connect(postgres_url) as connection:
        connection.execute("SET enable_seqscan = off")  # a table without rows is read faster without any index
        connection.execute("SET enable_bitmapscan = off")
        plan = "\n".join(row for (row,) in connection.execute(f"EXPLAIN {text}"))
    assert "Index Scan using partway_files_one_key" in plan
    assert "Index Cond" in plan
    assert "Sort" not in plan


def test_sqlite_walks_the_index(sqlite_url):
    statement = by_key(sqlite_url)
    with sqlite3.connect(sqlite_path(read_url(sqlite_url))) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", [""] * statement.sql.count("?")).fetchall()
    connection.close()
    plan = " ".join(step for *_, step in rows)
    assert "SEARCH partway_files USING INDEX partway_files_one_key (key>?)" in plan
    assert "TEMP B-TREE" not in plan
