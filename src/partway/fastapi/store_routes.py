"""Serves the local store's presigned URLs: parts and objects in, objects out, byte for byte as S3 answers.

The loop is never blocked: bodies are gathered to blocks and written in worker threads, and a client is not read from
faster than the disk takes its bytes. All bodies share one allowance of memory: the more, the smaller their blocks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from partway.core.blocking import run_straight
from partway.core.parts import MIB
from partway.core.ports import ObjectStream
from partway.errors import PartwayError
from partway.stores.local import BlockingLocalStore
from partway.stores.local.front import StoreAnswer, StoreFront, preflight, refusal
from partway.stores.local.urls import STORE_PATH, StoreRequest
from partway.stores.refusals import refused

T = TypeVar("T")
_ALLOWANCE = 16 * MIB  # bytes gathered of all bodies together
_MOST_BLOCK_SIZE = MIB  # bytes; larger ones are no faster
_LEAST_BLOCK_SIZE = 64 * 1024  # bytes; smaller ones cost a thread's wake-up too often
_METHODS = ["GET", "HEAD", "PUT", "OPTIONS", "POST", "PATCH", "DELETE"]


def store_router(store: BlockingLocalStore, *, workers: int = 8) -> APIRouter:
    """The routes of a local store's presigned URLs, `/store/{key}`.

    They check the URL's signature alone: include them without authentication and without a limit on bodies.

    Args:
        store: whose URLs they are.
        workers: threads that read and write at the same time.
    """
    router = APIRouter()
    endpoint = _StoreEndpoint(StoreFront(store), workers=workers)
    router.add_route(f"{STORE_PATH}/{{key:path}}", endpoint.answer, methods=_METHODS, include_in_schema=False)
    return router


class _StoreEndpoint:
    def __init__(self, front: StoreFront, *, workers: int) -> None:
        self._front = front
        self._limiter = anyio.CapacityLimiter(workers)
        self._taking = 0  # bodies that arrive now

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        asked = StoreRequest(
            method=request.method,
            key=request.path_params["key"],
            query=request.scope["query_string"].decode("latin-1"),
            headers=dict(request.headers),
        )
        try:
            if asked.method == "PUT":
                return _response(await self._take(request, asked))
            if asked.method == "OPTIONS":
                return _response(preflight(asked))
            answer = await self._in_thread(partial(self._front.serve, asked))
        except PartwayError as error:
            return _response(refusal(error))
        if answer.stream is None:
            return _response(answer)
        return _ObjectResponse(answer, answer.stream, self._limiter)

    async def _take(self, request: Request, asked: StoreRequest) -> StoreAnswer:
        receiver = await self._in_thread(partial(self._front.receive, asked))
        self._taking += 1
        try:
            async for block in self._blocks(request):
                await self._in_thread(partial(receiver.write, block))
                del block  # or it would stay while the next one is gathered
            return self._front.received(asked, await self._in_thread(receiver.finish))
        except ClientDisconnect:
            raise refused("IncompleteBody") from None
        finally:
            self._taking -= 1
            with anyio.CancelScope(shield=True):
                await self._in_thread(receiver.discard)

    async def _blocks(self, request: Request) -> AsyncIterator[bytes]:
        """The body in blocks large enough that a thread is asked rarely."""
        gathered: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            gathered.append(chunk)
            size += len(chunk)
            del chunk
            if size >= _block_size(self._taking):
                yield _joined(gathered)
                size = 0
        if size:
            yield _joined(gathered)

    async def _in_thread(self, deed: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(deed, limiter=self._limiter)


def _block_size(bodies: int) -> int:
    """Bytes to gather of each, if so many arrive at once."""
    return max(_LEAST_BLOCK_SIZE, min(_MOST_BLOCK_SIZE, _ALLOWANCE // bodies))


def _joined(chunks: list[bytes]) -> bytes:
    """All chunks as one; the list is empty afterwards, so that nothing is held twice."""
    block = b"".join(chunks)
    chunks.clear()
    return block


def _response(answer: StoreAnswer) -> Response:
    return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))


class _ObjectResponse(StreamingResponse):
    """An object's bytes; the file is closed however the response ends."""

    def __init__(self, answer: StoreAnswer, stream: ObjectStream, limiter: anyio.CapacityLimiter) -> None:
        super().__init__(_chunks(stream, limiter), status_code=answer.status, headers=dict(answer.headers))
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            run_straight(self._stream.aclose())


async def _chunks(stream: ObjectStream, limiter: anyio.CapacityLimiter) -> AsyncIterator[bytes]:
    while True:
        chunk = await anyio.to_thread.run_sync(_next_chunk, stream, limiter=limiter)
        if not chunk:
            return
        yield chunk


def _next_chunk(stream: ObjectStream) -> bytes:
    """The next chunk; empty at the end."""
    return run_straight(_next_or_end(stream))


async def _next_or_end(stream: ObjectStream) -> bytes:
    return await anext(stream.chunks, b"")
