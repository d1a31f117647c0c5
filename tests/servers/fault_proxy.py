"""A proxy before the service, or between it and the store, that does what networks and overloaded servers do: resets,
stalls, delays, refusals, lost, held and cut answers."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.servers.ports import free_port

_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Reset:
    """Break the connection after some bytes of the body.

    Args:
        then: what is done before.
    """

    after: int = 0
    then: Callable[[], None] | None = None


@dataclass(frozen=True)
class Stall:
    """Read some bytes of the body, then nothing any more."""

    after: int = 0


@dataclass(frozen=True)
class Reply:
    """Answer without asking the service, before the body is read, and close."""

    status: int
    body: str = ""
    headers: str = ""


@dataclass(frozen=True)
class Delay:
    """Pass the request on later, also if who sent it has gone."""

    seconds: float


@dataclass(frozen=True)
class LoseAnswer:
    """Let the service do it, then break the connection.

    Args:
        then: what is done in between.
    """

    then: Callable[[], None] | None = None


@dataclass(frozen=True)
class HoldAnswer:
    """Let the service do it, and keep its answer until `FaultProxy.release`."""


@dataclass(frozen=True)
class CutAnswer:
    """Let the service do it, then break the connection in the midst of its answer."""

    keep: int = 40


Fault = Reset | Stall | Reply | Delay | LoseAnswer | HoldAnswer | CutAnswer
EXPIRED = Reply(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")


class FaultProxy:
    """Passes requests on to a service, except those that `fault` names.

    Args:
        port: of the service, on 127.0.0.1.
        fault: (method, target, how many of this method came before) → what goes wrong, or None. May be replaced.
        tls: the certificate chain and key to listen with.
    """

    def __init__(
        self,
        port: int,
        *,
        fault: Callable[[str, str, int], Fault | None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.fault = fault or (lambda method, target, count: None)
        self.log: list[tuple[str, str, Fault | None]] = []  #: every request with its fault
        self.delay = 0.0  #: seconds before each body is passed on
        self.port = free_port()
        self._upstream = port
        self._tls = tls
        self._lock = threading.Lock()
        self._passing = 0
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def puts(self) -> list[str]:
        """Targets of the PUTs that the service was let do."""
        return [
            target
            for method, target, fault in self.log
            if method == "PUT" and not isinstance(fault, Reset | Stall | Reply)
        ]

    def release(self) -> None:
        """Send all answers that are held."""
        self._released.set()
        self._released = threading.Event()

    def wait_until_quiet(self) -> None:
        """Release all answers, and return once the service has answered all, also what nobody waits for any more."""
        while self._passing:
            self.release()
            time.sleep(0.002)

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                while self._serve_one(connection):
                    pass
        except OSError:
            pass

    def _serve_one(self, client: socket.socket) -> bool:
        head, rest = _read_head(client)
        if not head:
            return False
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        with self._lock:
            fault = self.fault(method, target, sum(logged == method for logged, _, _ in self.log))
            self.log.append((method, target, fault))
            self._passing += 1
        try:
            return self._answer(client, head, rest, fault)
        finally:
            with self._lock:
                self._passing -= 1

    def _answer(self, client: socket.socket, head: bytes, rest: bytes, fault: Fault | None) -> bool:
        length = _length_of(head)
        if b"100-continue" in head.lower() and not isinstance(fault, Reply):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if isinstance(fault, Reply):
            body = fault.body.encode()
            client.sendall(
                f"HTTP/1.1 {fault.status} Fault\r\n{fault.headers}Connection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            return False
        if isinstance(fault, Reset | Stall):
            _drain(client, fault.after - len(rest))
            if isinstance(fault, Stall):
                time.sleep(60)
            elif fault.then is not None:
                fault.then()
            reset(client)
            return False
        return self._pass_on(client, head, rest, length, fault)

    def _pass_on(self, client: socket.socket, head: bytes, rest: bytes, length: int, fault: Fault | None) -> bool:
        time.sleep(fault.seconds if isinstance(fault, Delay) else self.delay)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"expect:", b"connection:"))]
        with socket.create_connection(("127.0.0.1", self._upstream)) as service:
            service.sendall(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + rest)
            left = length - len(rest)
            while left > 0:
                data = client.recv(min(_CHUNK, left))
                if not data:
                    return False
                try:
                    service.sendall(data)
                except OSError:
                    break  # it has refused the body and said why
                left -= len(data)
            answer = _read_to_end(service)
        if isinstance(fault, LoseAnswer):
            if fault.then is not None:
                fault.then()
            reset(client)
            return False
        if isinstance(fault, CutAnswer):
            client.sendall(answer[: fault.keep])
            return False
        if isinstance(fault, HoldAnswer):
            self._released.wait()
        client.sendall(answer)
        return left <= 0 and (b"content-length" in answer.lower() or answer.startswith(b"HTTP/1.1 204"))


def _read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(_CHUNK)
        if not more:
            return b"", b""
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _read_to_end(connection: socket.socket) -> bytes:
    """The answer, without what says that the connection ends."""
    data = b""
    while more := connection.recv(_CHUNK):
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if line.lower() != b"connection: close"]
    return b"\r\n".join([*lines, b"", body])


def _length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _drain(connection: socket.socket, count: int) -> None:
    while count > 0 and (data := connection.recv(min(_CHUNK, count))):
        count -= len(data)


def reset(connection: socket.socket) -> None:
    """RST instead of FIN, and at once."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
