"""Signs requests, sends them, and sends them again while the store is not available."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from partway.errors import AnswerLost, StoreUnavailable
from partway.s3.address import BucketAddress
from partway.s3.answers import S3Answer
from partway.s3.refusals import error_code, is_transient
from partway.s3.requests import S3Request
from partway.s3.sigv4 import UNSIGNED_PAYLOAD, Signing, query_string, sign_headers
from partway.stores.s3.credentials import CredentialsSource
from partway.stores.s3.silence import Silence
from partway.stores.s3.transport import (
    SignedRequest,
    StreamedAnswer,
    Transport,
    TransportFailed,
    delay_before,
    retry_after,
)

T = TypeVar("T")
_MAX_ATTEMPTS = 6
_TURNED_AWAY = (429, 503)  #: answers before anything is done
_MAX_IN_VAIN = 2  #: attempts that time out; the second may have a connection that is not dead
_RETRY_AFTER = 5  #: seconds that our own callers are told to wait, if the store does not say


class S3Calls:
    """Carries requests to one bucket.

    Args:
        address: where the bucket is, for us.
        region: for the signature.
        credentials: who signs.
        transport: what sends.
        patience: seconds in which one request is sent again.
        read_timeout: seconds without a byte of an answer, for requests that have no other.
    """

    def __init__(
        self,
        *,
        address: BucketAddress,
        region: str,
        credentials: CredentialsSource,
        transport: Transport,
        patience: float,
        read_timeout: float,
    ) -> None:
        self._address = address
        self._region = region
        self._credentials = credentials
        self._transport = transport
        self._patience = patience
        self._read_timeout = read_timeout
        self._silence = Silence()

    @property
    def region(self) -> str:
        """Where the bucket is."""
        return self._region

    async def signing(self) -> Signing:
        """Who signs at this moment."""
        credentials = await self._credentials.current()
        return Signing(credentials=credentials, region=self._region, now=datetime.now(UTC))

    async def send(self, request: S3Request, *, patience: float | None = None) -> S3Answer:
        """Send a request and return its answer, also if that is an error.

        All our requests may be sent twice, but for a second CreateMultipartUpload, which leaves a spare upload.

        Args:
            request: what is asked.
            patience: seconds in which it is sent again; None: as usual.

        Raises:
            StoreUnavailable: the store did not answer, or only that it cannot now, as long as we had patience.
            AnswerLost: the store may have done a request that is not to be sent again (`S3Request.once`).
        """
        return await self._persist(request, self._send_once, self._patience if patience is None else patience)

    async def stream(self, request: S3Request) -> StreamedAnswer:
        """As `send`, with the body still to come."""
        return await self._persist(request, self._stream_once, self._patience)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._transport.sleep(seconds)

    async def together(self, deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
        """Do deeds, up to `at_once` at a time on an event loop, and return their results in order."""
        return await self._transport.together(deeds, at_once=at_once)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _send_once(self, signed: SignedRequest) -> S3Answer:
        answer = await self._transport.send(signed)
        if is_transient(answer.status, answer.body):
            raise _not_now(answer.status, answer.headers, answer.body)
        return answer

    async def _stream_once(self, signed: SignedRequest) -> StreamedAnswer:
        answer = await self._transport.stream(signed)
        if is_transient(answer.status, b""):
            raise _not_now(answer.status, answer.headers, await answer.read_error())
        return answer

    async def _persist(self, request: S3Request, once: Callable[[SignedRequest], Awaitable[T]], patience: float) -> T:
        """Send until there is an answer that says something, or patience ends."""
        end = time.monotonic() + patience
        attempt = 1
        while True:
            try:
                return await self._listen(once, await self._signed(request))
            except TransportFailed as failure:
                if request.once and not failure.undone:
                    raise AnswerLost("The store broke off before it answered; try again.", retry_after=1) from failure
                attempt += 1
                delay = max(delay_before(attempt), failure.retry_after)
                most = _MAX_IN_VAIN if failure.silent else _MAX_ATTEMPTS
                if attempt > most or time.monotonic() + delay > end:
                    raise _unavailable(failure) from failure
            await self._transport.sleep(delay)

    async def _listen(self, once: Callable[[SignedRequest], Awaitable[T]], signed: SignedRequest) -> T:
        """Send unless the store is known to be silent, and note whether it is."""
        if self._silence.refuses():
            raise StoreUnavailable(
                f"The store does not answer; try again in {_RETRY_AFTER} seconds.", retry_after=_RETRY_AFTER
            )
        since = time.monotonic()
        try:
            answer = await once(signed)
        except TransportFailed as failure:
            if failure.silent:
                self._silence.noticed(since)
            else:
                self._silence.broken()
            raise
        self._silence.broken()
        return answer

    async def _signed(self, request: S3Request) -> SignedRequest:
        path = self._address.path(request.key)
        query = request.query
        payload = hashlib.sha256(request.body).hexdigest() if request.body_signed else UNSIGNED_PAYLOAD
        headers = sign_headers(
            method=request.method,
            path=path,
            query=query,
            headers={**request.headers, "host": self._address.host},
            signing=await self.signing(),
            payload=payload,
        )
        return SignedRequest(
            method=request.method,
            url=f"{self._address.origin}{path}" + (f"?{query_string(query)}" if query else ""),
            headers=headers,
            body=request.body,
            read_timeout=request.read_timeout or self._read_timeout,
        )


def _not_now(status: int, headers: Mapping[str, str], body: bytes) -> TransportFailed:
    said = error_code(status, body) or str(status)
    wait = retry_after(headers)
    return TransportFailed(f"the store answers {said}", retry_after=wait, undone=status in _TURNED_AWAY)


def _unavailable(failure: TransportFailed) -> StoreUnavailable:
    wait = math.ceil(failure.retry_after) or _RETRY_AFTER
    return StoreUnavailable(f"The store is down or overloaded; try again in {wait} seconds.", retry_after=wait)
