"""A store that answers by a script: what a network and an overloaded store do, one deed for each request."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """Send an answer and keep the connection."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None  #: what Content-Length says, if it is not the body's


@dataclass(frozen=True)
class Reset:
    """Break the connection once the request is there."""


@dataclass(frozen=True)
class Hang:
    """Say nothing until the script's end."""


Deed = Reply | Reset | Hang


class ScriptedStore:
    """Listens on 127.0.0.1 and does the deeds of its script in turn; the last one again and again."""

    def __init__(self, script: Iterable[Deed]) -> None:
        self._script = list(script)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []  #: the heads of all requests, as they came
        self.connections = 0

    def __enter__(self) -> ScriptedStore:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while self._take_request(connection):
                if not self._do(connection, self._next_deed()):
                    return

    def _take_request(self, connection: socket.socket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            try:
                received = connection.recv(65536)
            except OSError:
                return False
            if not received:
                return False
            head += received
        head, _, body = head.partition(b"\r\n\r\n")
        lengths = [
            line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        missing = (int(lengths[0]) if lengths else 0) - len(body)
        while missing > 0:
            missing -= len(connection.recv(missing))
        self.requests.append(head)
        return True

    def _next_deed(self) -> Deed:
        with self._lock:
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def _do(self, connection: socket.socket, deed: Deed) -> bool:
        if isinstance(deed, Hang):
            self._over.wait(30)
            return False
        if isinstance(deed, Reset):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        length = len(deed.body) if deed.length is None else deed.length
        headers = "".join(f"{name}: {value}\r\n" for name, value in (*deed.headers, ("Content-Length", str(length))))
        try:
            connection.sendall(f"HTTP/1.1 {deed.status} Scripted\r\n{headers}\r\n".encode() + deed.body)
        except OSError:
            return False
        return length == len(deed.body)
