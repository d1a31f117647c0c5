"""Memory of the service while many uploads are in flight."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from tests.servers.service import Service

from benchmarks.harness import MIB, Goal, Result, Settings, memory_of
from benchmarks.servers import seaweedfs, service, token

#: One upload of the service, until a time of the monotonic clock.
Work = Callable[[Service, float], Awaitable[None]]

ROUNDS = 1
_UPLOADS = 200
_QUICK_UPLOADS = 20
_PART_SIZE = 5 * MIB
_PARTS = 20  #: planned of each upload
_CHUNK = bytes(16 * 1024)
_PAUSE = 0.1  #: seconds between chunks of one connection
_SECONDS = 20.0  #: of sending
_QUICK_SECONDS = 3.0


def run(settings: Settings) -> Result:
    """Resident memory before, during and after."""
    count = _QUICK_UPLOADS if settings.quick else _UPLOADS
    result = Result(
        "Memory of the service",
        f"Resident memory of the one service process with {count} uploads of {_PARTS} parts of 5 MiB open at once. "
        f"Local store: every upload has a connection that sends its parts steadily, 16 KiB every {_PAUSE} s, so that "
        "all are within a part at once; at last all send the rest of their part at once. SeaweedFS: all are open, and "
        "each asks for fresh URLs every second; no bytes pass the service. Before: after one upload of the same kind.",
        ["", "before, MiB", "most during, MiB", "after, MiB", "more per upload, KiB"],
    )
    seconds = _QUICK_SECONDS if settings.quick else _SECONDS
    with settings.folder() as folder:
        with service(folder) as running:
            found = {"local store": _measure(running, _send_parts, count, seconds)}
        with seaweedfs(folder) as store, service(folder, store=store) as running:
            found["SeaweedFS"] = _measure(running, _ask_again, count, seconds)
    for name, (before, most, after) in found.items():
        each = (most - before) / count / 1024
        result.rows.append([name, f"{before / MIB:.1f}", f"{most / MIB:.1f}", f"{after / MIB:.1f}", f"{each:.0f}"])
        grown = (most - before) / MIB
        result.goals.append(Goal(f"{name}, more memory than before", grown, 64, at_most=True, unit="MiB"))
    return result


def _measure(running: Service, work: Work, count: int, seconds: float) -> tuple[int, int, int]:
    """Bytes of resident memory before, at most during, and after."""
    asyncio.run(_together(running, 1, work, min(2.0, seconds)))
    before = memory_of(running.pid)
    most = asyncio.run(_together(running, count, work, seconds))
    return before, most, memory_of(running.pid)


async def _together(running: Service, count: int, work: Work, seconds: float) -> int:
    """The most memory while all work."""
    end = time.monotonic() + seconds
    works = asyncio.gather(*(work(running, end) for _ in range(count)))
    most = 0
    while not works.done():
        most = max(most, memory_of(running.pid))
        await asyncio.sleep(0.05)
    await works
    return most


async def _send_parts(running: Service, end: float) -> None:
    """Begin an upload and send its parts slowly, until the time is over; then give it up."""
    async with _Connection(running.port) as connection:
        upload = await connection.call("POST", "/v1/files/uploads", _INITIATION)
        for part in upload["presigned_urls"]:
            if time.monotonic() > end:
                break
            await connection.send_slowly(urlsplit(part["url"]), part["headers"], end)
        await connection.call("DELETE", f"/v1/files/uploads/{upload['id']}")


async def _ask_again(running: Service, end: float) -> None:
    """Begin an upload and ask for its URLs once per second, until the time is over; then give it up."""
    async with _Connection(running.port) as connection:
        upload = await connection.call("POST", "/v1/files/uploads", _INITIATION)
        path = f"/v1/files/uploads/{upload['id']}"
        while time.monotonic() < end:
            await connection.call("POST", f"{path}/presigned-urls", {"part_numbers": list(range(1, _PARTS + 1))})
            await asyncio.sleep(1)
        await connection.call("DELETE", path)


_INITIATION = {
    "file_name": "video.mp4",
    "file_size": _PARTS * _PART_SIZE,
    "file_content_type": "video/mp4",
    "num_parts": _PARTS,
    "part_size": _PART_SIZE,
}


class _Connection:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> _Connection:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=MIB)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        self._head(
            method, path, {"Content-Type": "application/json", "Authorization": f"Bearer {token()}"}, len(content)
        )
        self._writer.write(content)
        answer = await self._answer()
        return json.loads(answer) if answer else None

    async def send_slowly(self, url: Any, headers: dict[str, str], end: float) -> None:
        """A part; what is left of it when the time is over goes at once."""
        self._head("PUT", f"{url.path}?{url.query}", headers, _PART_SIZE)
        for _ in range(_PART_SIZE // len(_CHUNK)):
            self._writer.write(_CHUNK)
            await self._writer.drain()
            if time.monotonic() < end:
                await asyncio.sleep(_PAUSE)
        await self._answer()

    def _head(self, method: str, target: str, headers: dict[str, str], length: int) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{lines}Content-Length: {length}\r\n\r\n"
        self._writer.write(head.encode())

    async def _answer(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        body = await self._reader.readexactly(length)
        if int(head[9:12]) >= 300:
            raise RuntimeError(f"{head[9:12].decode()}: {body[:500]!r}")
        return body
