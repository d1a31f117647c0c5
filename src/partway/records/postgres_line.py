"""News between the processes that share a PostgreSQL: LISTEN and NOTIFY on a connection of their own.

A transaction that says NOTIFY makes the commits of all others like it wait, so it is said for many changes at once,
after their commits. Who cannot listen (behind a pooler that lends connections by transaction, say) still sees every
event by looking at the records; only progress is lost. https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import URL

from partway.errors import PartwayError
from partway.records.news import News, read_news, write_news
from partway.records.postgres import ASYNCPG_ERRORS, CONNECT_SECONDS, asyncpg_dsn
from partway.records.postgres_door import postgres_door

_CHANNEL = "partway_events"
_COMMAND_SECONDS = 10
_BEAT = 10.0  #: seconds of silence after which the connection is tried
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  #: seconds between two attempts to connect
_log = logging.getLogger("partway.events")


class PostgresLine:
    """Carries news between processes (`partway.records.feed.NewsLine`)."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._outgoing: asyncio.Queue[str] | None = None  # while there is a connection

    def send(self, news: News) -> None:
        """Tell the others, if there is a connection."""
        if self._outgoing is not None:
            for text in write_news(news):
                self._outgoing.put_nowait(text)

    async def run(self, hear: Callable[[News], None]) -> None:
        """Listen to the others until cancelled; connect again and again."""
        failures = 0
        while True:
            try:
                with postgres_door(self._url, ASYNCPG_ERRORS):
                    async with self._connected(hear) as connection:
                        failures = 0
                        await self._talk(connection)
            except PartwayError as error:
                _log.warning("no news from other processes: %s", error.detail)
            except Exception:
                _log.exception("unforeseen error while listening to other processes")
            pause = min(_FIRST_PAUSE * 2**failures, _LONGEST_PAUSE)
            failures += 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # no secret

    @asynccontextmanager
    async def _connected(self, hear: Callable[[News], None]) -> AsyncIterator[Any]:
        dsn = asyncpg_dsn(self._url)
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, command_timeout=_COMMAND_SECONDS)
        try:
            own = connection.get_server_pid()
            outgoing: asyncio.Queue[str] = asyncio.Queue()

            def heard(_: Any, pid: int, channel: str, text: str) -> None:
                if pid != own:
                    hear(read_news(text))

            await connection.add_listener(_CHANNEL, heard)
            connection.add_termination_listener(lambda _: outgoing.put_nowait(""))
            self._outgoing = outgoing
            hear(News())  # something may have happened while nobody listened
            yield connection
        finally:
            self._outgoing = None
            await connection.close(timeout=1)

    async def _talk(self, connection: Any) -> None:
        """Send what is to be sent, until the connection is lost. Silence is broken now and then, to notice that."""
        while self._outgoing is not None:
            try:
                text = await asyncio.wait_for(self._outgoing.get(), _BEAT)
            except TimeoutError:
                text = ""
            if text:
                await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, text)
            else:
                await connection.execute("SELECT 1")
