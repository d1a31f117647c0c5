"""A plain TCP balancer: it knows no protocol, and leaves a replica out for a moment that refuses connections."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Self

_CHUNK = 64 * 1024
_OUT = 0.3  # seconds


class Balancer:
    """Listens on 127.0.0.1 and passes each connection on to the next replica.

    Args:
        ports: of the replicas, on 127.0.0.1.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._back = dict.fromkeys(ports, 0.0)  # when a replica is tried again, by the monotonic clock
        self._turn = count()
        self._ends: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        for end in self._ends:
            end.transport.abort()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replica = await self._connect()
        if replica is None:
            writer.transport.abort()
            return
        ends = {writer, replica[1]}
        self._ends |= ends
        await asyncio.gather(_pass_on(reader, replica[1]), _pass_on(replica[0], writer))
        for end in ends:
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()
        self._ends -= ends

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """To the next replica that takes the connection."""
        first = next(self._turn)
        for step in range(len(self._ports)):
            port = self._ports[(first + step) % len(self._ports)]
            if self._back[port] > time.monotonic():
                continue
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                self._back[port] = time.monotonic() + _OUT
        return None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes until the end, which is passed on as it is: closed or reset."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()
    else:
        with contextlib.suppress(OSError):
            await writer.drain()
