"""Brings a database's tables up to date. Safe to run in several processes at once: one works, the others wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from partway.errors import Misconfigured, MissingExtra
from partway.records.connect import is_postgres, needs_postgres, read_url, sqlite_path
from partway.records.sqlite import connect_sqlite, sqlite_door
from partway.records.tables import HEAD, VERSION_TABLE

try:
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
except ModuleNotFoundError as error:
    raise MissingExtra("records", module="alembic") from error

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

_MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x7061727477617931  #: any 64-bit number of our own


def upgrade(url: str) -> None:
    """Make the tables, or bring them up to date; does nothing if they are.

    Args:
        url: as for `partway.records.connect.connect_records`. SQLite's file and its folder are made if need be.

    Raises:
        RecordsUnavailable: the database does not answer.
        Misconfigured: the URL or the login is wrong, or the tables are newer than this code.
    """
    with _locked(url) as connection:
        _check_known(connection)
        command.upgrade(_config(connection), "head")


def downgrade(url: str, *, revision: str) -> None:
    """Bring the tables back to an earlier revision; `base` drops them with all records.

    Raises:
        RecordsUnavailable, Misconfigured: as for `upgrade`.
    """
    with _locked(url) as connection:
        _check_known(connection)
        command.downgrade(_config(connection), revision)


def current(url: str) -> str | None:
    """The revision of the tables; None if there are none.

    Raises:
        RecordsUnavailable, Misconfigured: as for `upgrade`.
    """
    database_url = read_url(url)
    if not is_postgres(database_url) and not sqlite_path(database_url).exists():
        return None
    with _locked(url) as connection:
        return _revision(connection)


def check(url: str) -> bool:
    """Whether the tables are those that this code works with."""
    return current(url) == HEAD


def _config(connection: Connection) -> Config:
    config = Config()
    # A percent sign would begin an interpolation.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _check_known(connection: Connection) -> None:
    revision = _revision(connection)
    if revision is not None and revision > HEAD:
        raise Misconfigured(
            f"The database's tables have revision {revision}, this code works with {HEAD}. Install a newer partway.",
            setting="PARTWAY_DATABASE_URL",
        )


@contextmanager
def _locked(url: str) -> Iterator[Connection]:
    """A connection in one transaction that no other run of migrations shares the database with."""
    database_url = read_url(url)
    opened = _postgres(database_url) if is_postgres(database_url) else _sqlite(database_url)
    with opened as connection:
        yield connection


@contextmanager
def _sqlite(url: URL) -> Iterator[Connection]:
    path = sqlite_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The folder {path.parent} cannot be made: {error.strerror}.", setting="PARTWAY_DATA_DIR"
        ) from error
    with sqlite_door(path), _opened("sqlite://", lambda: connect_sqlite(path)) as connection:
        # The driver is in autocommit mode, so this is the transaction. It waits for whoever writes.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


@contextmanager
def _postgres(url: URL) -> Iterator[Connection]:
    with needs_postgres():
        from partway.records.blocking_postgres import PSYCOPG_ERRORS, connect_psycopg
        from partway.records.postgres_door import postgres_door
    with (
        postgres_door(url, PSYCOPG_ERRORS),
        _opened("postgresql+psycopg://", lambda: connect_psycopg(url)) as connection,
    ):
        connection.exec_driver_sql("BEGIN")
        try:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


@contextmanager
def _opened(dialect_url: str, connect: Callable[[], Any]) -> Iterator[Connection]:
    engine = create_engine(dialect_url, creator=connect, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:  # SQLAlchemy's cover; the doors know the drivers' own errors
        raise error.orig or error from error
    finally:
        engine.dispose()
