"""Requests to a store on the event loop, by aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

try:
    import aiohttp
    from yarl import URL
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("s3", module="aiohttp") from error

from partway.s3.answers import S3Answer
from partway.stores.s3.transport import SignedRequest, StreamedAnswer, TransportFailed

_CHUNK_SIZE = 256 * 1024  #: bytes
_FAILURES = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


class AiohttpTransport:
    """One session for one event loop, opened when it is first used.

    Args:
        max_connections: at once, kept alive.
        connect_timeout: seconds.
    """

    def __init__(self, *, max_connections: int, connect_timeout: float) -> None:
        self._max_connections = max_connections
        self._connect_timeout = connect_timeout
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: SignedRequest) -> S3Answer:
        """The whole answer; see `Transport.send`."""
        try:
            async with self._request(request) as answer:
                body = await answer.read()
                return S3Answer(answer.status, _lower(answer), body)
        except _FAILURES as error:
            raise TransportFailed(str(error) or type(error).__name__) from error

    async def stream(self, request: SignedRequest) -> StreamedAnswer:
        """The answer's head and its body as it comes; see `Transport.stream`."""
        try:
            answer = await self._request(request)
        except _FAILURES as error:
            raise TransportFailed(str(error) or type(error).__name__) from error
        return StreamedAnswer(answer.status, _lower(answer), _chunks(answer))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _request(self, request: SignedRequest) -> aiohttp.client._RequestContextManager:
        timeout = aiohttp.ClientTimeout(sock_connect=self._connect_timeout, sock_read=request.read_timeout, total=None)
        return self._opened().request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body or None,
            timeout=timeout,
            allow_redirects=False,
            skip_auto_headers=("Content-Type", "Accept-Encoding"),
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._max_connections, ttl_dns_cache=60)
            self._session = aiohttp.ClientSession(
                connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    try:
        async for chunk in answer.content.iter_chunked(_CHUNK_SIZE):
            yield chunk
    except _FAILURES as error:
        raise TransportFailed(str(error) or type(error).__name__) from error
    finally:
        # Closes the connection if the body was not read to its end, gives it back if it was.
        answer.close() if not answer.content.at_eof() else answer.release()


def _lower(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}
