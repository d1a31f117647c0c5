"""What blocking databases share: a pool of connections for threads, and the refusal to block an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from partway.errors import RecordsUnavailable, WouldBlock

_CHECKOUT_SECONDS = 10


class ConnectionPool:
    """Connections for threads: as many as are used at once, up to a limit, opened when they are needed.

    Args:
        connect: opens a connection in autocommit mode.
        size: connections at most.
        is_broken: whether a connection has been lost.
    """

    def __init__(self, connect: Callable[[], Any], *, size: int, is_broken: Callable[[Any], bool]) -> None:
        self._pool = QueuePool(
            connect, pool_size=size, max_overflow=0, timeout=_CHECKOUT_SECONDS, reset_on_return=None, use_lifo=True
        )
        self._is_broken = is_broken

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Borrow a connection. If it breaks, all that wait in the pool are opened anew.

        Raises:
            WouldBlock: an event loop runs in this thread.
            RecordsUnavailable: none came free in time.
        """
        _refuse_event_loop()
        try:
            borrowed = self._pool.connect()
        except PoolTimeout as error:
            raise RecordsUnavailable("Every connection to the database is in use; try again.", retry_after=1) from error
        connection = borrowed.dbapi_connection
        try:
            yield connection
        except BaseException:
            if self._is_broken(connection):
                borrowed.invalidate()
                self.renew()
            raise
        finally:
            borrowed.close()

    def renew(self) -> None:
        """Close the connections that nobody uses and begin with an empty pool."""
        self._pool.dispose()
        self._pool = self._pool.recreate()


def _refuse_event_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise WouldBlock(
        "Blocking records were called on a running event loop; use partway.records.connect.connect_records there."
    )
