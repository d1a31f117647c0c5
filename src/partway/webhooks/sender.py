"""Sends webhooks by aiohttp, to where they may go."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

try:
    import aiohttp
    from yarl import URL
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("s3", module="aiohttp") from error

from partway import __version__
from partway.core.public_addresses import is_public
from partway.core.webhooks import Answer

T = TypeVar("T")
TIMEOUT = 15  #: seconds for all of an attempt
_KEPT_SECONDS = 30  # that a connection is kept for the next webhook


class NotPublic(OSError):
    """An endpoint's name leads to an address that is not of the public internet."""


class AiohttpSender:
    """Posts from one event loop. Heeds no proxy of the environment, follows no redirect, reads no answer's body.

    Args:
        allow_private: connect to any address; else only to those of the public internet. What is judged is the address
            that is connected to, whatever names resolve to at other times.
        timeout: seconds for all of an attempt.
    """

    def __init__(self, *, allow_private: bool = False, timeout: float = TIMEOUT) -> None:
        self._allow_private = allow_private
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Make one attempt. Never fails: what goes wrong is in the answer."""
        try:
            async with self._opened().post(
                URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as answer:
                # The body is not read: a connection on which it has not come whole by now is closed.
                return Answer(status=answer.status, retry_after=answer.headers.get("Retry-After"))
        except TimeoutError:
            return Answer(trouble=f"no answer within {self._timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(trouble=_said(error))

    async def together(self, deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
        """Do deeds, up to `at_once` at a time, and give their results in order."""
        slots = asyncio.Semaphore(at_once)

        async def within(deed: Callable[[], Awaitable[T]]) -> T:
            async with slots:
                return await deed()

        return await asyncio.gather(*map(within, deeds))

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=self._socket, keepalive_timeout=_KEPT_SECONDS),
                headers={"User-Agent": f"Partway/{__version__} webhooks"},
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """The socket of a connection to this very address."""
        family, kind, protocol, _, place = address
        if not self._allow_private and not is_public(str(place[0])):
            raise NotPublic(f"{place[0]} is not an address of the public internet")
        return socket.socket(family, kind, protocol)


def _said(error: Exception) -> str:
    """What went wrong, without the URL, which may hold a secret."""
    cause = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    match cause:
        case aiohttp.InvalidURL():
            return "its URL cannot be used"
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection without an answer"
        case ConnectionError() if cause.errno:
            return os.strerror(cause.errno)
        case OSError():
            return cause.strerror or str(cause) or type(cause).__name__
        case _:
            return type(cause).__name__
