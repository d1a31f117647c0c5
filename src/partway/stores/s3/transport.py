"""What sends requests to a store: the port, and when to send again."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from partway.s3.answers import S3Answer

T = TypeVar("T")
_FIRST_DELAY = 0.1  #: seconds
_MAX_DELAY = 5.0  #: seconds
_MAX_ERROR_SIZE = 64 * 1024  #: bytes that are read of an error's body


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request as it goes out."""

    method: str
    url: str  #: raw; must go out as it is
    headers: Mapping[str, str]
    body: bytes | bytearray
    read_timeout: float  #: seconds without a byte of the answer

    @property
    def whole_timeout(self) -> float:
        """Seconds until an answer that is read as a whole must have ended, however it trickles."""
        return 2 * self.read_timeout


class Body(AsyncIterator[bytes]):
    """A body as it comes, in bounded memory.

    `anext` raises `StoreUnavailable` if it breaks off. The connection is given back at the end, or by `aclose`.
    """

    @abstractmethod
    async def aclose(self) -> None:
        """Give the connection back without reading on. May be called at any time and more than once."""


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """An answer whose body is still to come. Read it to its end, or close it."""

    status: int
    headers: Mapping[str, str]  #: lower-case names
    chunks: Body

    async def read_error(self) -> bytes:
        """The beginning of the body, enough for an error; the answer is closed then."""
        body = b""
        try:
            async for chunk in self.chunks:
                body += chunk
                if len(body) >= _MAX_ERROR_SIZE:
                    break
        finally:
            await self.aclose()
        return body

    async def aclose(self) -> None:
        """Give the connection back without reading on."""
        await self.chunks.aclose()


class TransportFailed(Exception):
    """No answer that says anything: refused, reset, timed out, cut off, or "not now".

    Args:
        reason: for logs.
        retry_after: seconds that the store asks us to wait.
        silent: it timed out.
        undone: the store has surely done nothing.
    """

    def __init__(self, reason: str, *, retry_after: float = 0.0, silent: bool = False, undone: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.silent = silent
        self.undone = undone


class Transport(Protocol):
    """Sends one request and never follows redirects."""

    async def send(self, request: SignedRequest) -> S3Answer:
        """The whole answer.

        Raises:
            TransportFailed: there was none.
            StoreRefused: it is larger than any answer of S3.
        """
        ...

    async def stream(self, request: SignedRequest) -> StreamedAnswer:
        """The answer's head, and its body as it comes.

        Raises:
            TransportFailed: there was none.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def together(self, deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
        """Do deeds, up to `at_once` at a time where this can do several, and return their results in order.

        Raises what the first one raises that fails; none is under way any more then.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def delay_before(attempt: int) -> float:
    """Seconds to wait before attempt number `attempt` (2, 3, …): exponential with full jitter.

    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    return random.uniform(0, min(_MAX_DELAY, _FIRST_DELAY * 2 ** (attempt - 1)))  # noqa: S311  # no secret


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float:
    """Seconds that a `Retry-After` header asks to wait, given as seconds or as a date (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
