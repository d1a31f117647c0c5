"""A proxy between the service and its database that knows no protocol: connections break before deeds or after."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from tests.servers.fault_proxy import LoseAnswer, Reset, reset

_CHUNK = 64 * 1024  # bytes


class TcpFaults:
    """Passes bytes on to a port of 127.0.0.1, except those that `fault` names.

    Args:
        port: where to.
        fault: what was sent at once → what goes wrong: the connection breaks before it is passed on (`Reset`), or once
            an answer to it has come, which is lost; or None. May be replaced.
    """

    def __init__(self, port: int, *, fault: Callable[[bytes], Reset | LoseAnswer | None] | None = None) -> None:
        self.fault = fault or (lambda sent: None)
        self._upstream = port
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        # Without it the thread that waits in `accept` would keep the socket alive.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self._upstream)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(client, server)
            threading.Thread(target=connection.pass_back, daemon=True).start()
            try:
                self._pass_on(connection, client, server)
            finally:
                connection.end()

    def _pass_on(self, connection: _Connection, client: socket.socket, server: socket.socket) -> None:
        while sent := client.recv(_CHUNK):
            with self._lock:
                fault = self.fault(sent)
            if isinstance(fault, Reset):
                connection.break_off(fault.then)
                return
            connection.losing = fault
            server.sendall(sent)


class _Connection:
    """Both ends, and whether the next answer is lost."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.losing: LoseAnswer | None = None
        self._client = client
        self._server = server

    def pass_back(self) -> None:
        """Pass answers on until one is lost or a side has gone."""
        with contextlib.suppress(OSError):
            while answer := self._server.recv(_CHUNK):
                if self.losing is not None:
                    self.break_off(self.losing.then)
                    return
                self._client.sendall(answer)
        self.end()

    def end(self) -> None:
        """Let both sides see the end: a socket that a thread waits for outlives its closing."""
        for end in (self._server, self._client):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def break_off(self, then: Callable[[], None] | None) -> None:
        """Break both ends."""
        if then is not None:
            then()
        self.end()
        for each in (self._server, self._client):
            reset(each)
