"""Signs requests, sends them, and sends them again while the store is not available."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from partway.errors import StoreUnavailable
from partway.s3.address import BucketAddress
from partway.s3.answers import S3Answer
from partway.s3.refusals import is_transient
from partway.s3.requests import S3Request
from partway.s3.sigv4 import Signing, query_string, sign_headers
from partway.stores.s3.credentials import CredentialsSource
from partway.stores.s3.transport import (
    SignedRequest,
    StreamedAnswer,
    Transport,
    TransportFailed,
    delay_before,
)

T = TypeVar("T")
_MAX_ATTEMPTS = 6
_RETRY_AFTER = 5  #: seconds that our own callers are told to wait


class S3Calls:
    """Carries requests to one bucket.

    Args:
        address: where the bucket is, for us.
        region: for the signature.
        credentials: who signs.
        transport: what sends.
        patience: seconds that one request is tried again.
    """

    def __init__(
        self,
        *,
        address: BucketAddress,
        region: str,
        credentials: CredentialsSource,
        transport: Transport,
        patience: float,
    ) -> None:
        self._address = address
        self._region = region
        self._credentials = credentials
        self._transport = transport
        self._patience = patience

    async def signing(self) -> Signing:
        """Who signs at this moment."""
        credentials = await self._credentials.current()
        return Signing(credentials=credentials, region=self._region, now=datetime.now(UTC))

    async def send(self, request: S3Request) -> S3Answer:
        """Send a request and return its answer, also if that is an error.

        All our requests may be sent twice: a second CreateMultipartUpload leaves a spare upload, found by its key.

        Raises:
            StoreUnavailable: the store did not answer, or only that it cannot now, as long as we had patience.
        """

        async def once(signed: SignedRequest) -> S3Answer | None:
            answer = await self._transport.send(signed)
            return None if is_transient(answer.status, answer.body) else answer

        return await self._persist(request, once)

    async def stream(self, request: S3Request) -> StreamedAnswer:
        """As `send`, with the body still to come."""

        async def once(signed: SignedRequest) -> StreamedAnswer | None:
            answer = await self._transport.stream(signed)
            if not is_transient(answer.status, b""):
                return answer
            await answer.aclose()
            return None

        return await self._persist(request, once)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._transport.sleep(seconds)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _persist(self, request: S3Request, once: Callable[[SignedRequest], Awaitable[T | None]]) -> T:
        """Try until `once` has an answer that is worth keeping, or patience ends."""
        end = time.monotonic() + self._patience
        failure: TransportFailed | None = None
        for attempt in range(2, _MAX_ATTEMPTS + 2):
            try:
                answer = await once(await self._signed(request))
            except TransportFailed as failed:
                failure, answer = failed, None
            if answer is not None:
                return answer
            delay = delay_before(attempt)
            if time.monotonic() + delay > end:
                break
            await self._transport.sleep(delay)
        raise StoreUnavailable(
            "The store does not answer; try again in a moment." if failure else "The store is overloaded; try again.",
            retry_after=_RETRY_AFTER,
        ) from failure

    async def _signed(self, request: S3Request) -> SignedRequest:
        path = self._address.path(request.key)
        query = request.query
        payload = hashlib.sha256(request.body).hexdigest()
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
            read_timeout=request.read_timeout,
        )
