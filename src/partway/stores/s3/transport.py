"""What sends requests to a store: the port, and when to send again."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Protocol

from partway.s3.answers import S3Answer

_FIRST_DELAY = 0.1  #: seconds
_MAX_DELAY = 5.0  #: seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request as it goes out."""

    method: str
    url: str  #: raw; must go out as it is
    headers: Mapping[str, str]
    body: bytes
    read_timeout: float  #: seconds without a byte of the answer


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """An answer whose body is still to come. `chunks` gives the connection back when it ends or is closed."""

    status: int
    headers: Mapping[str, str]  #: lower-case names
    chunks: AsyncGenerator[bytes]

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks])

    async def aclose(self) -> None:
        """Give the connection back without reading on."""
        await self.chunks.aclose()


class TransportFailed(Exception):
    """No answer: refused, reset, timed out or cut off."""


class Transport(Protocol):
    """Sends one request and never follows redirects."""

    async def send(self, request: SignedRequest) -> S3Answer:
        """The whole answer.

        Raises:
            TransportFailed: there was none.
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

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def delay_before(attempt: int) -> float:
    """Seconds to wait before attempt number `attempt` (2, 3, …): exponential with full jitter.

    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    return random.uniform(0, min(_MAX_DELAY, _FIRST_DELAY * 2 ** (attempt - 1)))  # noqa: S311  # no secret
