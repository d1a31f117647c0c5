"""Connections kept alive between requests, by origin, for any number of threads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from partway.client.answers import Answer
from partway.client.connection import Connection, OnSent, Timeouts
from partway.client.meter import Tally
from partway.client.requests import Origin, Request
from partway.client.stopping import Stop

if TYPE_CHECKING:
    import ssl

_IDLE_LIFE = 50.0  #: seconds after which an idle connection is not used again
_MAX_IDLE = 32  #: idle connections kept per origin


class Connections:
    """Idle connections by origin, for any number of threads.

    Args:
        timeouts: of each.
    """

    def __init__(self, *, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[Connection]] = {}
        self._context: ssl.SSLContext | None = None

    def exchange(
        self, request: Request, *, stop: Stop, on_sent: OnSent | None = None, expect_continue: bool = False
    ) -> Answer:
        """Send a request over a kept-alive or a new connection, and read its whole answer.

        A kept-alive connection that turns out closed before anything came back is replaced once.

        Args:
            on_sent: told of bytes sent, and of bytes to be taken back (a negative number) if the exchange fails.

        Raises:
            OSError: no connection, or it broke or stalled.
            Stopped: the end was asked for.
        """
        while True:
            connection = self.take(request.origin, stop=stop)
            reused, sent = not connection.fresh, Tally(on_sent)
            try:
                answer = connection.exchange(request, on_sent=sent, expect_continue=expect_continue)
            except BaseException as error:
                self.drop(connection, stop=stop)
                stop.check()
                sent.take_back()
                if reused and not connection.heard and _is_closed(error):
                    continue
                raise
            self.give_back(connection, stop=stop)
            return answer

    def take(self, origin: Origin, *, stop: Stop) -> Connection:
        """A connection that is idle, or a new one. Give it back or drop it."""
        stop.check()
        while (connection := self._pop(origin)) is not None:
            if connection.usable(stop):
                break
            connection.close()
        else:
            connection = Connection(origin, timeouts=self._timeouts, stop=stop, tls=self._tls)
        stop.watch(connection)
        return connection

    def give_back(self, connection: Connection, *, stop: Stop) -> None:
        """Keep a connection for the next request, if its answer allows that."""
        stop.unwatch(connection)
        if connection.reusable:
            connection.idle_since = time.monotonic()
            with self._lock:
                idle = self._idle.setdefault(connection.origin, [])
                if len(idle) < _MAX_IDLE:
                    idle.append(connection)
                    return
        connection.close()

    def drop(self, connection: Connection, *, stop: Stop) -> None:
        """Close a connection that is broken or half read."""
        stop.unwatch(connection)
        connection.close()

    def close(self) -> None:
        """Close all that are idle."""
        with self._lock:
            idle = [connection for each in self._idle.values() for connection in each]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _pop(self, origin: Origin) -> Connection | None:
        oldest = time.monotonic() - _IDLE_LIFE
        with self._lock:
            idle = self._idle.get(origin)
            connection = idle.pop() if idle else None
            if connection is None or connection.idle_since >= oldest:
                return connection
            stale = [connection, *(idle or ())]
            self._idle[origin] = []
        for each in stale:
            each.close()
        return None

    def _tls(self) -> ssl.SSLContext:
        import ssl

        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context()
            return self._context


def _is_closed(error: BaseException) -> bool:
    return isinstance(error, OSError) and not isinstance(error, TimeoutError)
