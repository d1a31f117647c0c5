"""Requests to a store on the event loop, by aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

try:
    import aiohttp
    from yarl import URL
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("s3", module="aiohttp") from error

from partway.errors import StoreUnavailable
from partway.s3.answers import S3Answer
from partway.s3.xml import MAX_SIZE, unreadable
from partway.stores.s3.transport import Body, SignedRequest, StreamedAnswer, TransportFailed
from partway.threads import together

T = TypeVar("T")
_CHUNK_SIZE = 256 * 1024  #: bytes
_FAILURES = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
_UNREACHED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class AiohttpTransport:
    """Sessions for one event loop, opened when they are first used.

    What is read slowly holds its connection for long, so it has a session of its own.

    Args:
        max_connections: of each session at once, kept alive.
        connect_timeout: seconds.
        pool_timeout: seconds that a request waits for a free connection.
    """

    def __init__(self, *, max_connections: int, connect_timeout: float, pool_timeout: float) -> None:
        self._max_connections = max_connections
        self._connect_timeout = connect_timeout
        self._pool_timeout = pool_timeout
        self._sending: aiohttp.ClientSession | None = None
        self._streaming: aiohttp.ClientSession | None = None

    async def send(self, request: SignedRequest) -> S3Answer:
        """The whole answer; see `Transport.send`."""
        try:
            self._sending = self._sending or self._open()
            total = self._connect_timeout + request.whole_timeout
            async with self._request(self._sending, request, total=total) as answer:
                return S3Answer(answer.status, _lower(answer), await _whole(answer))
        except _FAILURES as error:
            raise _failed(error) from error

    async def stream(self, request: SignedRequest) -> StreamedAnswer:
        """The answer's head and its body as it comes; see `Transport.stream`."""
        try:
            self._streaming = self._streaming or self._open()
            answer = await self._request(self._streaming, request, total=None)
        except _FAILURES as error:
            raise _failed(error) from error
        return StreamedAnswer(answer.status, _lower(answer), _Body(answer))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def together(self, deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
        """Do deeds, up to `at_once` at a time; see `Transport.together`."""
        return await together(deeds, at_once=at_once)

    async def aclose(self) -> None:
        """Close all connections."""
        sessions, self._sending, self._streaming = (self._sending, self._streaming), None, None
        for session in sessions:
            if session is not None:
                await session.close()

    def _request(
        self, session: aiohttp.ClientSession, request: SignedRequest, *, total: float | None
    ) -> aiohttp.client._RequestContextManager:
        return session.request(
            request.method,
            URL(request.url, encoded=True),
            headers={**request.headers, "content-length": str(len(request.body))} if request.body else request.headers,
            data=_in_pieces(request.body),
            timeout=aiohttp.ClientTimeout(
                total=total,
                connect=self._pool_timeout,
                sock_connect=self._connect_timeout,
                sock_read=request.read_timeout,
            ),
            allow_redirects=False,
            skip_auto_headers=("Content-Type", "Accept-Encoding"),
        )

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections, ttl_dns_cache=60),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )


def _in_pieces(body: bytes | bytearray) -> bytes | bytearray | AsyncIterator[memoryview] | None:
    """A body as aiohttp sends it without holding the loop up, and without a copy of a large one."""
    return _pieces(body) if len(body) > _CHUNK_SIZE else body or None


async def _pieces(body: bytes | bytearray) -> AsyncIterator[memoryview]:
    whole = memoryview(body)
    for start in range(0, len(body), _CHUNK_SIZE):
        yield whole[start : start + _CHUNK_SIZE]


class _Body(Body):
    """See `transport.Body`."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._ended = False

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            chunk = await self._answer.content.read(_CHUNK_SIZE)
        except _FAILURES as error:
            await self.aclose()
            raise StoreUnavailable("The store broke off while it sent the object; read on from there.") from error
        if not chunk:
            await self.aclose()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Give the connection back; one with bytes still to come is closed."""
        self._ended = True
        self._answer.close()  # does nothing to a connection whose bytes have all come: it is back already


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    if answer.content_length is not None and answer.content_length <= MAX_SIZE:
        return await answer.read()
    body = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK_SIZE):
        body += chunk
        if len(body) > MAX_SIZE:
            raise unreadable("it is too large")
    return bytes(body)


def _failed(error: Exception) -> TransportFailed:
    unreached = isinstance(error, _UNREACHED)
    return TransportFailed(str(error) or type(error).__name__, silent=isinstance(error, TimeoutError), undone=unreached)


def _lower(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}
