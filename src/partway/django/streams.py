"""Answers whose body is sent as it is read from the store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Generator, Mapping

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from partway.core.blocking import iterate_straight


def stream_answer(
    request: HttpRequest, chunks: AsyncIterator[bytes], *, status: int, headers: Mapping[str, str]
) -> StreamingHttpResponse:
    """An answer of chunks that never suspend.

    Args:
        request: what is answered. Under ASGI Django would gather all chunks of a plain iterator in memory.
    """
    blocks = iterate_straight(chunks)
    body = _OffTheLoop(blocks) if isinstance(request, ASGIRequest) else blocks
    return StreamingHttpResponse(body, status=status, headers=dict(headers))


class _OffTheLoop(AsyncIterator[bytes]):
    """Blocks that are read in threads, one at a time."""

    def __init__(self, blocks: Generator[bytes, None, None]) -> None:
        self._blocks = blocks
        self._lock = threading.Lock()  # a client that goes away ends the wait for a read, not the read

    async def __anext__(self) -> bytes:
        block = await asyncio.to_thread(self._next)
        if block is None:
            raise StopAsyncIteration
        return block

    def close(self) -> None:
        """Give back what the blocks are read from. Django calls it at the end, also at an early one."""
        with self._lock:
            self._blocks.close()

    def _next(self) -> bytes | None:
        with self._lock:
            return next(self._blocks, None)
