"""Somebody who is told by webhooks: a server on 127.0.0.1 that answers as a test says."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PATIENCE = 30  #: seconds that `wait_for` waits


@dataclass(frozen=True)
class Told:
    """One request."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"])

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body)["data"]
        return data


@dataclass(frozen=True)
class Reply:
    """How a request is answered: by default taken."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False  #: break the connection off instead
    hang: bool = False  #: say nothing instead
    endless: bool = False  #: begin a body that never ends


class Receiver:
    """Listens from the beginning. What it was told stands in `told`, in order."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.connections = 0
        self.answer: Callable[[Told], Reply] = lambda told: Reply()
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def wait_for(self, count: int) -> list[Told]:
        """What it was told, once that is so much."""
        end = time.monotonic() + _PATIENCE
        while len(self.told) < count:
            assert time.monotonic() < end, f"told of {len(self.told)} events, not of {count}"
            time.sleep(0.02)
        return self.told

    def stop(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told = Told({name.lower(): value for name, value in self.headers.items()}, body)
                receiver.told.append(told)
                self._reply(receiver.answer(told))

            def _reply(self, reply: Reply) -> None:
                if reply.hang:
                    receiver._ended.wait(_PATIENCE)
                if reply.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if reply.hang or reply.reset:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "1000000" if reply.endless else "0")
                self.end_headers()
                if reply.endless:
                    receiver._ended.wait(_PATIENCE)

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, ValueError):  # the other side, or we, closed it
                    self.close_connection = True

            def finish(self) -> None:
                with contextlib.suppress(OSError, ValueError):
                    super().finish()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
