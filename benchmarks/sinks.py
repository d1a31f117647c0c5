"""Servers that forget every byte: one that Partway's client talks to, one that S3's clients talk to.

`python -m benchmarks.sinks partway|s3` prints its port and runs until it is ended.
"""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple
from urllib.parse import parse_qsl

from tests.servers.null_service import NullService

from benchmarks.harness import on_cores
from partway.s3.metadata import METADATA_PREFIX

_ETAG = '"0"'  #: of everything


class _Request(NamedTuple):
    """A request whose body has come and is gone."""

    method: str
    path: str  #: percent-encoded: `/bucket` or `/bucket/key`
    query: Mapping[str, str]
    headers: Mapping[str, str]  #: lower-case names

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return int(self.headers.get("content-length", 0))

    @property
    def metadata(self) -> dict[str, str]:
        """The headers that an object is to keep."""
        return {name: value for name, value in self.headers.items() if name.startswith(METADATA_PREFIX)}


class _Answer(NamedTuple):
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = {}  #: besides the ETag; of a HEAD also the Content-Length

    def encoded(self, method: str) -> bytes:
        """As it goes over the wire: to HEAD without the body."""
        body = self.body.encode()
        headers = {"ETag": _ETAG, "Content-Length": str(len(body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} -\r\n{lines}\r\n".encode() + (b"" if method == "HEAD" else body)


class _Upload(NamedTuple):
    metadata: Mapping[str, str]
    parts: dict[int, int]  #: number → bytes


class _Object(NamedTuple):
    metadata: Mapping[str, str]
    size: int  #: bytes


class _Contents:
    """What came, without its bytes and checksums."""

    def __init__(self) -> None:
        self._uploads: dict[str, _Upload] = {}
        self._objects: dict[str, _Object] = {}  # by the path
        self._ids = map(str, itertools.count(1))

    def answer(self, request: _Request) -> _Answer:
        """Do what is asked."""
        upload_id = request.query.get("uploadId")
        if upload_id is not None:
            return self._to_upload(upload_id, request)
        if request.method == "POST":
            self._uploads[upload_id := next(self._ids)] = _Upload(request.metadata, {})
            return _document("InitiateMultipartUploadResult", f"<UploadId>{upload_id}</UploadId>")
        if request.method == "PUT":
            self._objects[request.path] = _Object(request.metadata, request.size)
            return _Answer()
        if request.method == "DELETE":
            self._objects.pop(request.path, None)
            return _Answer()
        return self._head(request.path) if "/" in request.path.strip("/") else self._listing()

    def _to_upload(self, upload_id: str, request: _Request) -> _Answer:
        upload = self._uploads.get(upload_id)
        if upload is None:
            return _document("Error", "<Code>NoSuchUpload</Code>", status=404)
        if request.method == "PUT":
            upload.parts[int(request.query["partNumber"])] = request.size
            return _Answer()
        if request.method == "GET":
            return _document("ListPartsResult", "".join(_part(*part) for part in sorted(upload.parts.items())))
        del self._uploads[upload_id]
        if request.method == "DELETE":
            return _Answer()
        self._objects[request.path] = _Object(upload.metadata, sum(upload.parts.values()))
        return _document("CompleteMultipartUploadResult", f"<ETag>{_ETAG}</ETag>")

    def _head(self, path: str) -> _Answer:
        found = self._objects.get(path)
        if found is None:
            return _Answer(404)
        return _Answer(headers={"Content-Length": str(found.size), **found.metadata})

    def _listing(self) -> _Answer:
        rows = (_row(path, each.size) for path, each in sorted(self._objects.items()))
        return _document("ListBucketResult", f"<EncodingType>url</EncodingType>{''.join(rows)}")


def _document(root: str, content: str, *, status: int = 200) -> _Answer:
    return _Answer(status, f'<?xml version="1.0" encoding="UTF-8"?><{root}>{content}</{root}>')


def _part(number: int, size: int) -> str:
    return f"<Part><PartNumber>{number}</PartNumber><ETag>{_ETAG}</ETag><Size>{size}</Size></Part>"


def _row(path: str, size: int) -> str:
    key = path.lstrip("/").partition("/")[2]
    return f"<Contents><Key>{key}</Key><ETag>{_ETAG}</ETag><Size>{size}</Size></Contents>"


class NullS3:
    """Answers as S3 does to whoever uploads and then looks at the outcome: every bucket is there, empty at first.

    Bodies are dropped in the kernel; their sizes are kept.
    """

    def __init__(self) -> None:
        self._contents = _Contents()
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
        with connection, suppress(ConnectionError):
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = connection.recv(65536)
                    if not data:
                        return
                    buffer += data
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                request = _read(head.decode())
                if "expect" in request.headers:
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                _drop(connection, request.size - len(buffer))
                buffer = b""
                connection.sendall(self._contents.answer(request).encoded(request.method))


def _read(head: str) -> _Request:
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    headers = (line.split(": ", 1) for line in lines)
    return _Request(
        method,
        path,
        dict(parse_qsl(query, keep_blank_values=True)),
        {name.lower(): value for name, value in headers},
    )


def _drop(connection: socket.socket, left: int) -> None:
    """Raise `ConnectionError` if less comes."""
    room = bytearray(1024 * 1024)
    while left > 0:
        count = connection.recv_into(room, min(left, len(room)), socket.MSG_TRUNC)
        if not count:
            raise ConnectionError("the client has gone")
        left -= count


@contextmanager
def sink(kind: str, *, cores: set[int] | None = None) -> Iterator[str]:
    """A sink in a process of its own: its URL.

    Args:
        kind: `partway` or `s3`.
        cores: where it may run; None: anywhere.
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
