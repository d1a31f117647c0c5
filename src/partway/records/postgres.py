"""PostgreSQL on an event loop, by asyncpg."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import URL, Dialect, make_url

from partway.records.database import Prepared
from partway.records.postgres_door import DriverErrors, postgres_door
from partway.records.rows import NATIVE, Row, RowFormat

CONNECT_SECONDS = 10
_COMMAND_SECONDS = 30
ASYNCPG_ERRORS = DriverErrors(
    all=(asyncpg.PostgresError, asyncpg.InterfaceError),
    data=(),
    # It is also raised for wrong use.
    is_lost=lambda error: isinstance(error, asyncpg.InterfaceError) and "clos" in str(error),
)
# Parameters of libpq that asyncpg would send to the server as settings.
_LIBPQ_ONLY = ("connect_timeout", "channel_binding", "gssencmode", "keepalives", "keepalives_idle", "tcp_user_timeout")


class AsyncPostgres:
    """PostgreSQL on an event loop. Connections are opened when they are needed."""

    rows: RowFormat = NATIVE

    def __init__(self, url: URL, *, pool_size: int) -> None:
        self.dialect: Dialect = make_url("postgresql+asyncpg://").get_dialect()()
        self._url = url
        self._pool_size = pool_size
        self._pool: Any = None

    async def fetch(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run one statement and return its rows."""
        with postgres_door(self._url, ASYNCPG_ERRORS):
            async with (self._pool or await self._open()).acquire(timeout=CONNECT_SECONDS) as connection:
                rows: Sequence[Row] = await connection.fetch(statement.sql, *statement.arguments(values))
        return rows

    async def fetch_each(self, statement: Prepared, many: Iterable[Mapping[str, Any]]) -> Sequence[Row]:
        """Run one statement for each set of values, all in one transaction, and return all rows."""
        arguments = [statement.arguments(values) for values in many]
        if not arguments:
            return []
        with postgres_door(self._url, ASYNCPG_ERRORS):
            async with (self._pool or await self._open()).acquire(timeout=CONNECT_SECONDS) as connection:
                # One implicit transaction: all are sent before one Sync.
                rows: Sequence[Row] = await connection.fetchmany(statement.sql, arguments)
        return rows

    async def aclose(self) -> None:
        """Close the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            # It waits for what is under way, and then ends it: https://magicstack.github.io/asyncpg/current/api/
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(pool.close(), CONNECT_SECONDS)

    async def _open(self) -> Any:
        # With no connection to open at once this never suspends, so two verbs cannot open two pools.
        self._pool = await asyncpg.create_pool(
            asyncpg_dsn(self._url),
            min_size=0,
            max_size=self._pool_size,
            timeout=CONNECT_SECONDS,
            command_timeout=_COMMAND_SECONDS,
            reset=_keep,
        )
        return self._pool


def asyncpg_dsn(url: URL) -> str:
    """A database URL as asyncpg reads it."""
    plain = url.set(drivername="postgresql").difference_update_query(_LIBPQ_ONLY)
    return plain.render_as_string(hide_password=False)


async def _keep(connection: Any) -> None:
    """Verbs leave no state behind, so giving a connection back costs no round trip."""
