"""Requests to a store in the caller's thread, by urllib3."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

try:
    import urllib3
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("s3", module="urllib3") from error

from partway.errors import WouldBlock
from partway.s3.answers import S3Answer
from partway.stores.s3.transport import SignedRequest, StreamedAnswer, TransportFailed

_CHUNK_SIZE = 256 * 1024  #: bytes


class BlockingTransport:
    """A pool of connections for any number of threads. Its verbs never suspend.

    Args:
        max_connections: at once, kept alive.
        connect_timeout: seconds.
    """

    def __init__(self, *, max_connections: int, connect_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._pool = urllib3.PoolManager(num_pools=4, maxsize=max_connections, block=True, retries=False)

    async def send(self, request: SignedRequest) -> S3Answer:
        """The whole answer; see `Transport.send`."""
        answer = self._request(request, preload=True)
        return S3Answer(answer.status, _lower(answer), answer.data)

    async def stream(self, request: SignedRequest) -> StreamedAnswer:
        """The answer's head and its body as it comes; see `Transport.stream`."""
        answer = self._request(request, preload=False)
        return StreamedAnswer(answer.status, _lower(answer), _chunks(answer))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: ASYNC251  # never on an event loop: `_request` refuses there

    async def aclose(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def _request(self, request: SignedRequest, *, preload: bool) -> urllib3.BaseHTTPResponse:
        if asyncio._get_running_loop() is not None:
            raise WouldBlock("A blocking store was called on a running event loop; use the asynchronous one there.")
        try:
            return self._pool.urlopen(
                request.method,
                request.url,
                body=request.body or None,
                headers=request.headers,
                redirect=False,
                preload_content=preload,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self._connect_timeout, read=request.read_timeout),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportFailed(str(error)) from error


async def _chunks(answer: urllib3.BaseHTTPResponse) -> AsyncGenerator[bytes]:
    try:
        for chunk in answer.stream(_CHUNK_SIZE, decode_content=False):
            yield chunk
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TransportFailed(str(error)) from error
    finally:
        answer.close() if answer.closed is False else answer.release_conn()


def _lower(answer: urllib3.BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}
