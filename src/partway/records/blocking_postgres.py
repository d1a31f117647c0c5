"""PostgreSQL in the caller's thread, by psycopg."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.string import TextLoader
from sqlalchemy import URL, Dialect, make_url

from partway.records.blocking import ConnectionPool
from partway.records.database import Prepared
from partway.records.postgres_door import DriverErrors, postgres_door
from partway.records.rows import NATIVE, Row, RowFormat

_CONNECT_SECONDS = 10
_COMMAND_SECONDS = 30
PSYCOPG_ERRORS = DriverErrors(
    all=(psycopg.Error,),
    data=(psycopg.DataError,),
    is_lost=lambda error: isinstance(error, psycopg.OperationalError | psycopg.InterfaceError),
)


class BlockingPostgres:
    """PostgreSQL in the caller's thread. Never suspends."""

    rows: RowFormat = NATIVE

    def __init__(self, url: URL, *, pool_size: int) -> None:
        dialect_type: Any = make_url("postgresql+psycopg://").get_dialect()
        self.dialect: Dialect = dialect_type(paramstyle="format")
        self._url = url
        self._pool = ConnectionPool(lambda: connect_psycopg(url), size=pool_size, is_broken=_is_broken)

    async def fetch(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run one statement and return its rows."""
        with postgres_door(self._url, PSYCOPG_ERRORS), self._pool.connection() as connection:
            return _all_rows(connection.execute(statement.sql, statement.arguments(values)))

    async def fetch_each(self, statement: Prepared, many: Iterable[Mapping[str, Any]]) -> Sequence[Row]:
        """Run one statement for each set of values, all in one transaction, and return all rows."""
        arguments = [statement.arguments(values) for values in many]
        if not arguments:
            return []
        rows: list[Row] = []
        with postgres_door(self._url, PSYCOPG_ERRORS), _transaction(self._pool) as cursor:
            cursor.executemany(statement.sql, arguments, returning=True)
            for result in cursor.results():
                rows.extend(_all_rows(result))
        return rows

    async def aclose(self) -> None:
        """Close the connections."""
        self._pool.renew()


@contextmanager
def _transaction(pool: ConnectionPool) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    with pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
        yield cursor


def connect_psycopg(url: URL) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection in autocommit mode, in which JSON comes as text and times come in UTC."""
    connection = psycopg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False),
        autocommit=True,
        connect_timeout=_CONNECT_SECONDS,
        tcp_user_timeout=_COMMAND_SECONDS * 1000,
    )
    connection.adapters.register_loader("json", TextLoader)
    connection.execute("SET TIME ZONE 'UTC'")
    return connection


def _is_broken(connection: psycopg.Connection[Any]) -> bool:
    return connection.closed


def _all_rows(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Sequence[Row]:
    return cursor.fetchall() if cursor.description is not None else []
