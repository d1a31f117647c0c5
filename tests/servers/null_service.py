"""A service that forgets every byte: the least of the wire that an upload needs, for weighing the client alone."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from typing import Any

from tests.servers.ports import free_port

_NOW = "2026-01-01T00:00:00Z"
_PART_SIZE = 16 * 1024 * 1024  #: bytes


class NullService:
    """Answers uploads as docs/wire.md has them. The bodies of parts are dropped in the kernel, only counted."""

    def __init__(self) -> None:
        self.port = free_port()
        self.parts = 0  #: PUTs answered
        self.bytes = 0  #: of their bodies
        self._files: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> NullService:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = b""
        with connection:
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = connection.recv(65536)
                    if not data:
                        return
                    buffer += data
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")
                method, target, _ = first.split(" ")
                headers = dict(line.lower().split(": ", 1) for line in lines)
                length = int(headers.get("content-length", 0))
                if method == "PUT":
                    self._drop(connection, length, came=len(buffer))
                    buffer = b""
                    status, answer = 200, {}
                else:
                    while len(buffer) < length:
                        buffer += connection.recv(65536)
                    body, buffer = buffer[:length], buffer[length:]
                    status, answer = self._answer(method, target, json.loads(body) if body else {})
                content = b"" if method == "PUT" else json.dumps(answer).encode()
                connection.sendall(
                    f'HTTP/1.1 {status} OK\r\nETag: "0"\r\nContent-Length: {len(content)}\r\n\r\n'.encode() + content
                )

    def _drop(self, connection: socket.socket, length: int, *, came: int) -> None:
        with self._lock:
            self.parts += 1
            self.bytes += length
        left = length - came
        flags = getattr(socket, "MSG_TRUNC", 0)
        room = bytearray(1024 * 1024)
        while left:
            count = connection.recv_into(room, min(left, len(room)), flags)
            if not count:
                return
            left -= count

    def _answer(self, method: str, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        path = target.partition("?")[0].removeprefix("/v1/files")
        parts = path.strip("/").split("/")
        if method == "GET" and not path:
            return 200, {"results": [], "next": None, "previous": None}
        if path == "/uploads":
            return 201, self._begin(body)
        if path == "/uploads/batch":
            return 201, {"uploads": [self._begin(each) for each in body["files"]]}
        if path == "/uploads/batch/complete":
            return 200, {"files": [self._files[each] for each in body["ids"]]}
        if parts[-1] == "presigned-urls":
            return 200, self._urls(self._files[parts[1]], body["part_numbers"])
        return 200, self._files[parts[1]]

    def _begin(self, body: dict[str, Any]) -> dict[str, Any]:
        size = body["file_size"]
        part_size = body.get("part_size") or _PART_SIZE
        file = {
            "id": str(uuid.uuid4()),
            "name": body["file_name"],
            "file_name": body["file_name"],
            "file_size": size,
            "file_content_type": body["file_content_type"],
            "metadata": {},
            "upload_status": "completed",
            "created": _NOW,
            "modified": _NOW,
            "part_size": part_size,
            "num_parts": -(-size // part_size) if size else 1,
        }
        self._files[file["id"]] = file
        count = min(body.get("presign_parts", file["num_parts"]), file["num_parts"])
        return {**file, **self._urls(file, range(1, count + 1))}

    def _urls(self, file: dict[str, Any], numbers: Any) -> dict[str, Any]:
        last = file["file_size"] - (file["num_parts"] - 1) * file["part_size"]
        return {
            "presigned_urls": [
                {
                    "part_number": number,
                    "url": f"/store/{file['id']}?partNumber={number}",
                    "size": file["part_size"] if number < file["num_parts"] else last,
                    "headers": {},
                }
                for number in numbers
            ],
            "expires_in": 3600,
        }
