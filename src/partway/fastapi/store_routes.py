"""Serves the local store's presigned URLs: parts and objects in, objects out, byte for byte as S3 answers.

The loop is never blocked: bodies are gathered to a mebibyte and written in worker threads, and a client is not read
from faster than the disk takes its bytes.
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
_BLOCK_SIZE = MIB  # bytes
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
        try:
            async for block in _blocks(request):
                await self._in_thread(partial(receiver.write, block))
            return self._front.received(asked, await self._in_thread(receiver.finish))
        except ClientDisconnect:
            raise refused("IncompleteBody") from None
        finally:
            with anyio.CancelScope(shield=True):
                await self._in_thread(receiver.discard)

    async def _in_thread(self, deed: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(deed, limiter=self._limiter)


async def _blocks(request: Request) -> AsyncIterator[bytes]:
    """The body in blocks of about a mebibyte, so that a thread is asked rarely."""
    gathered: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        gathered.append(chunk)
        size += len(chunk)
        if size >= _BLOCK_SIZE:
            yield b"".join(gathered)
            gathered, size = [], 0
    if size:
        yield b"".join(gathered)


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
