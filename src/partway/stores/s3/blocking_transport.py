"""Requests to a store in the caller's thread, by urllib3."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast
from urllib.parse import urlsplit

try:
    import urllib3
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("s3", module="urllib3") from error

from partway.errors import StoreUnavailable, WouldBlock
from partway.s3.answers import S3Answer
from partway.s3.xml import MAX_SIZE, unreadable
from partway.stores.s3.transport import Body, SignedRequest, StreamedAnswer, TransportFailed

T = TypeVar("T")
_CHUNK_SIZE = 256 * 1024  #: bytes
_FAILURES = (urllib3.exceptions.HTTPError, OSError)
_UNREACHED = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


class BlockingTransport:
    """Pools of connections for any number of threads. Its verbs never suspend.

    What is read slowly holds its connection for long, so it has a pool of its own.

    Args:
        max_connections: of each pool at once, kept alive.
        connect_timeout: seconds.
        pool_timeout: seconds that a request waits for a free connection.
    """

    def __init__(self, *, max_connections: int, connect_timeout: float, pool_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._pool_timeout = pool_timeout
        self._sending = urllib3.PoolManager(maxsize=max_connections, block=True)
        self._streaming = urllib3.PoolManager(maxsize=max_connections, block=True)

    async def send(self, request: SignedRequest) -> S3Answer:
        """The whole answer; see `Transport.send`."""
        answer = self._open(self._sending, request)
        try:
            return S3Answer(answer.status, _lower(answer), _whole(answer, timeout=request.whole_timeout))
        except _FAILURES as error:
            raise _failed(error) from error
        finally:
            _give_back(answer)

    async def stream(self, request: SignedRequest) -> StreamedAnswer:
        """The answer's head and its body as it comes; see `Transport.stream`."""
        answer = self._open(self._streaming, request)
        return StreamedAnswer(answer.status, _lower(answer), _Body(answer))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: ASYNC251  # never on an event loop: `_open` refuses there

    async def together(self, deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
        """Do deeds one after the other."""
        return [await deed() for deed in deeds]

    async def aclose(self) -> None:
        """Close all connections."""
        self._sending.clear()
        self._streaming.clear()

    def _open(self, pools: urllib3.PoolManager, request: SignedRequest) -> urllib3.BaseHTTPResponse:
        if asyncio._get_running_loop() is not None:
            raise WouldBlock("A blocking store was called on a running event loop; use the asynchronous one there.")
        parts = urlsplit(request.url)
        try:
            # The pool itself, not its manager: that would tidy up the path, which is signed as it stands.
            return pools.connection_from_url(f"{parts.scheme}://{parts.netloc}").urlopen(
                request.method,
                f"{parts.path}?{parts.query}" if parts.query else parts.path,
                body=cast(bytes, request.body) or None,  # a bytearray goes out as well
                headers=request.headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self._connect_timeout, read=request.read_timeout),
                pool_timeout=math.ceil(self._pool_timeout),
            )
        except _FAILURES as error:
            raise _failed(error) from error


class _Body(Body):
    """See `transport.Body`."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer
        self._ended = False

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            chunk = self._answer.read(_CHUNK_SIZE, decode_content=False)
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
        _give_back(self._answer)


def _failed(error: Exception) -> TransportFailed:
    timed_out = isinstance(error, urllib3.exceptions.TimeoutError | urllib3.exceptions.EmptyPoolError | TimeoutError)
    # urllib3 counts refused connections among those that timed out.
    refused = isinstance(error, urllib3.exceptions.NewConnectionError)
    unreached = isinstance(error, _UNREACHED)
    return TransportFailed(str(error), silent=timed_out and not refused, undone=unreached)


def _whole(answer: urllib3.BaseHTTPResponse, *, timeout: float) -> bytes:
    end = time.monotonic() + timeout
    body = bytearray()
    while chunk := answer.read1(_CHUNK_SIZE, decode_content=False):
        body += chunk
        if len(body) > MAX_SIZE:
            raise unreadable("it is too large")
        if time.monotonic() > end:
            raise TimeoutError("the answer trickles")
    return bytes(body)


def _give_back(answer: urllib3.BaseHTTPResponse) -> None:
    """Return the connection to its pool; urllib3 has done so already if the body was read to its end.

    One with bytes still to come is closed first, and takes its place in the pool all the same.
    """
    answer.close()
    answer.release_conn()


def _lower(answer: urllib3.BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}
