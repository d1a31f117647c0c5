"""The migrations make exactly the tables that the code works with, from anywhere, once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import create_engine, inspect, text

from partway.cli.db import command
from partway.core.blocking import run_straight
from partway.errors import Misconfigured, RecordsUnavailable
from partway.records import migrate
from partway.records.connect import connect_blocking_records
from partway.records.contract import Bench
from partway.records.tables import HEAD, VERSION_TABLE, metadata


def connect(url):
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def differences(url):
    engine = connect(url)
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    return found


def indexes(url, table):
    engine = connect(url)
    with engine.connect() as connection:
        found = {
            (index["name"], bool(index["unique"]), tuple(index["column_names"]), "_where" in str(index))
            for index in inspect(connection).get_indexes(table)
        }
    engine.dispose()
    return found


def test_migrations_make_the_tables(url):
    assert differences(url) == []


@pytest.mark.parametrize("table", metadata.tables)
def test_migrations_make_the_indexes(url, table):
    assert indexes(url, table) == {
        (
            index.name,
            bool(index.unique),
            tuple(index.columns.keys()),
            index.dialect_options["sqlite"]["where"] is not None,
        )
        for index in metadata.tables[table].indexes
    }


def test_a_missing_column_would_be_seen(url):
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE partway_files DROP COLUMN tended"))
    engine.dispose()
    assert differences(url)


def test_the_revision_is_the_codes():
    config = Config()
    config.set_main_option("script_location", str(migrate._MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_upgrade_twice_keeps_the_records(empty_url):
    assert migrate.current(empty_url) is None
    assert not migrate.check(empty_url)
    migrate.upgrade(empty_url)
    records = connect_blocking_records(empty_url)
    file = run_straight(Bench(records=records).add())
    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == HEAD
    assert migrate.check(empty_url)
    assert run_straight(records.get(file.id)) == file
    run_straight(records.aclose())


def test_down_and_up_again(url):
    migrate.downgrade(url, revision="base")
    assert migrate.current(url) is None
    migrate.upgrade(url)
    assert differences(url) == []


def test_many_may_start_at_once(empty_url):
    with ThreadPoolExecutor(max_workers=6) as threads:
        list(threads.map(migrate.upgrade, [empty_url] * 6))
    assert migrate.check(empty_url)
    assert differences(empty_url) == []


def test_newer_tables_are_left_alone(url):
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(Misconfigured, match="9999"):
        migrate.upgrade(url)
    assert not migrate.check(url)


def test_the_probe_asks_for_the_tables(empty_url):
    records = connect_blocking_records(empty_url)
    migrate.upgrade(empty_url)
    run_straight(records.check())
    migrate.downgrade(empty_url, revision="base")
    with pytest.raises(RecordsUnavailable, match="partway db upgrade"):
        run_straight(records.check())
    with pytest.raises(RecordsUnavailable, match="partway db upgrade"):
        run_straight(Bench(records=records).add())
    run_straight(records.aclose())


def test_other_tables_stay(empty_url):
    """The records may live in an application's own database."""
    migrate.upgrade(empty_url)
    engine = connect(empty_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
    migrate.upgrade(empty_url)
    migrate.downgrade(empty_url, revision="base")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "theirs"
    engine.dispose()


def test_the_command_line(empty_url):
    def run(*words):
        return CliRunner().invoke(command, words, env={"PARTWAY_DATABASE_URL": empty_url})

    assert run("current").output == "none\n"
    assert run("check").exit_code == 1
    assert run("upgrade").exit_code == 0
    assert run("current").output == f"{HEAD}\n"
    assert run("check").exit_code == 0


def test_the_command_line_knows_the_data_directory(tmp_path):
    result = CliRunner().invoke(command, ["--data-dir", str(tmp_path / "data"), "upgrade"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "data" / "partway.sqlite3").exists()
