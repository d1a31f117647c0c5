"""Servers that forget every byte: one that Partway's client talks to, one that S3's clients talk to.

`python -m benchmarks.sinks partway|s3` prints its port and runs until it is ended.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.null_service import NullService

from benchmarks.harness import on_cores

_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_BEGUN = f"{_XML}<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
_DONE = f"{_XML}<CompleteMultipartUploadResult><ETag>&quot;0-1&quot;</ETag></CompleteMultipartUploadResult>"


class NullS3:
    """Answers multipart uploads as S3 does; the bodies of parts are dropped in the kernel."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> NullS3:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
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
                headers = dict(line.lower().split(": ", 1) for line in lines)
                if "expect" in headers:
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                _drop(connection, int(headers.get("content-length", 0)) - len(buffer))
                buffer = b""
                content = _answer(first).encode()
                connection.sendall(
                    b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Length: %d\r\n\r\n%b' % (len(content), content)
                )


def _answer(first_line: str) -> str:
    method, target, _ = first_line.split(" ")
    if method == "POST":
        return _BEGUN if "uploads" in target else _DONE
    return ""


def _drop(connection: socket.socket, left: int) -> None:
    room = bytearray(1024 * 1024)
    while left > 0:
        count = connection.recv_into(room, min(left, len(room)), socket.MSG_TRUNC)
        if not count:
            return
        left -= count


@contextmanager
def sink(kind: str, *, cores: set[int]) -> Iterator[str]:
    """A sink in a process of its own: its URL.

    Args:
        kind: `partway` or `s3`.
    """
    with on_cores(cores):
        process = subprocess.Popen([sys.executable, "-m", __name__, kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main() -> None:
    """Serve until ended."""
    with NullService() if sys.argv[1] == "partway" else NullS3() as server:
        print(server.port, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
