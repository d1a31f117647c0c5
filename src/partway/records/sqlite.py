"""SQLite, for one machine: any number of threads and processes may use the file at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, make_url

from partway.errors import Conflict, InvalidInput, NotFound, PartwayError, RecordsUnavailable
from partway.records.blocking import ConnectionPool
from partway.records.database import Prepared
from partway.records.limits import OVER, over_limit
from partway.records.rows import TEXTUAL, Row, RowFormat

BUSY_SECONDS = 10  #: how long a writer waits for the others

_CACHE_KIB = 16_000


class Synchronous(StrEnum):
    """When a write is safe. https://sqlite.org/pragma.html#pragma_synchronous"""

    FULL = "full"  #: before it is answered: records outlive a power cut. A write waits for the disk
    NORMAL = "normal"  #: soon: records outlive a crash of the process, but a power cut may lose the last seconds


def connect_sqlite(
    path: Path, *, synchronous: Synchronous = Synchronous.FULL, busy_seconds: float = BUSY_SECONDS
) -> sqlite3.Connection:
    """Open a database file for use by one thread at a time, in autocommit mode."""
    pragmas = ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON", f"cache_size = -{_CACHE_KIB}")
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


class BlockingSqlite:
    """A SQLite file. Never suspends."""

    rows: RowFormat = TEXTUAL

    def __init__(
        self,
        path: Path,
        *,
        pool_size: int,
        synchronous: Synchronous = Synchronous.FULL,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.dialect: Dialect = make_url("sqlite://").get_dialect()()
        self._path = path
        self._pool = ConnectionPool(
            lambda: connect_sqlite(path, synchronous=synchronous, busy_seconds=busy_seconds),
            size=pool_size,
            is_broken=lambda connection: False,
        )

    async def fetch(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run one statement and return its rows."""
        with sqlite_door(self._path), self._pool.connection() as connection:
            rows: list[Row] = connection.execute(statement.sql, statement.arguments(values)).fetchall()
            return rows

    async def fetch_each(self, statement: Prepared, many: Iterable[Mapping[str, Any]]) -> Sequence[Row]:
        """Run one statement for each set of values, all in one transaction, and return all rows."""
        rows: list[Row] = []
        # A writer takes its lock at the beginning: one that read first and writes later could not wait for its rivals.
        with (
            sqlite_door(self._path),
            self._pool.connection() as connection,
            transaction(connection, reads=statement.reads),
        ):
            for values in many:
                rows.extend(connection.execute(statement.sql, statement.arguments(values)))
        return rows

    async def aclose(self) -> None:
        """Close the connections."""
        self._pool.renew()


@contextmanager
def transaction(connection: sqlite3.Connection, *, reads: bool) -> Iterator[None]:
    """What runs inside is done as a whole or not at all. A writer takes its lock at the beginning."""
    connection.execute("BEGIN" if reads else "BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def sqlite_door(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise _refusal(error) from error
    except sqlite3.OperationalError as error:
        raise _unavailable(error, path) from error
    except (sqlite3.DataError, sqlite3.ProgrammingError, OverflowError, UnicodeEncodeError) as error:
        raise InvalidInput(f"The database cannot hold a value: {error}.") from error
    except sqlite3.DatabaseError as error:  # a damaged file, or one that is no database
        raise RecordsUnavailable(f"The database file {path} cannot be read: {error}.", retry_after=60) from error


def _refusal(error: sqlite3.IntegrityError) -> PartwayError:
    if str(error) in OVER:  # a trigger's words
        return over_limit(str(error))
    if "FOREIGN KEY" in str(error):
        return NotFound("There is no such file, so its parts cannot be noted.")
    if "UNIQUE" in str(error):
        return Conflict("There is a record with this id or this idempotency key already.")
    return InvalidInput(f"The database refuses a value: {error}.")


def _unavailable(error: sqlite3.OperationalError, path: Path) -> PartwayError:
    if "no such table" in str(error) or "no such column" in str(error):
        return RecordsUnavailable("The database's tables are not up to date. Run: partway db upgrade", retry_after=60)
    return RecordsUnavailable(f"The database file {path} does not answer: {error}.", retry_after=1)
