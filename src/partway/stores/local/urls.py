"""Presigned URLs of the local store: the same SigV4 as S3's, for paths that the service itself answers.

The signature is made for a fixed name of a host, so it holds however clients reach the service.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from partway.core.checksums import ChecksumAlgorithm
from partway.core.ports import Clock, PartToSign, SignedParts, SignedUrl
from partway.s3.address import BucketAddress
from partway.s3.credentials import Credentials
from partway.s3.part_signer import PartSigner
from partway.s3.sigv4 import MAX_EXPIRY, PresignedRefused, Signing, presign, verify_presigned
from partway.stores.refusals import refused

STORE_PATH = "/store"  #: in front of every key
TOKEN_HEADER = "x-amz-meta-partway-token"  # noqa: S105 (a header's name)
_OFFSET = "partway-offset"
_REGION = "local"
_ADDRESS = BucketAddress("https", "store.partway.invalid", STORE_PATH)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """An HTTP request to the store, as it came."""

    method: str
    key: str  #: what stands behind `/store/` in the path, percent-decoded once
    query: str  #: percent-encoded, without the question mark
    headers: Mapping[str, str]  #: names in lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a request's signature allows."""

    key: str
    parameters: Mapping[str, str]  #: of the operation, decoded

    @property
    def part(self) -> tuple[str, int, int] | None:
        """Upload id, part number and offset, if it is about a part."""
        if "uploadId" not in self.parameters:
            return None
        return self.parameters["uploadId"], int(self.parameters["partNumber"]), int(self.parameters[_OFFSET])


class StoreUrls:
    """Signs and verifies.

    Args:
        secret_key: known to the service's processes alone; the signing key is derived from it for this purpose.
        clock: what URLs expire by.
        public_url: what stands in front of `/store`; empty: URLs begin with `/`, at the service's own origin.
    """

    def __init__(self, *, secret_key: str, clock: Clock, public_url: str = "") -> None:
        derived = hmac.new(secret_key.encode(), b"partway: presigned URLs of the local store", hashlib.sha256)
        self._credentials = Credentials("partway", derived.hexdigest())
        self._clock = clock
        self._front = public_url.rstrip("/")

    def sign_parts(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[PartToSign],
        *,
        expires_in: int,
        algorithm: ChecksumAlgorithm | None,
    ) -> SignedParts:
        """URLs for some parts. Each is bound to the part's number, offset, exact size and checksum."""
        life = min(expires_in, MAX_EXPIRY)
        signer = PartSigner(
            address=_ADDRESS,
            key=key,
            upload_id=upload_id,
            signing=self._signing(),
            expires_in=life,
            checksum_header=algorithm.header if algorithm is not None else None,
            offset_parameter=_OFFSET,
        )
        return SignedParts([part._replace(url=self._public(part.url)) for part in signer.sign(parts)], life)

    def sign(
        self, method: str, key: str, *, query: Mapping[str, str], headers: Mapping[str, str], expires_in: int
    ) -> SignedUrl:
        """A URL for one method of one key. `headers`, but Content-Length, come back as those to send."""
        life = min(expires_in, MAX_EXPIRY)
        url = presign(
            method=method,
            address=_ADDRESS,
            key=key,
            signing=self._signing(),
            expires_in=life,
            query=query,
            headers=headers,
        )
        to_send = {name: value for name, value in headers.items() if name != "content-length"}
        return SignedUrl(self._public(url), life, to_send)

    def unsigned(self, key: str) -> str:
        """The key's URL without a signature."""
        return f"{self._front}{_ADDRESS.path(key)}"

    def verify(self, request: StoreRequest) -> Allowed:
        """What the request is allowed to do.

        Raises:
            StoreRefused: nothing: with S3's code.
        """
        try:
            parameters = verify_presigned(
                method=request.method,
                raw_path=_ADDRESS.path(request.key),
                raw_query=request.query,
                headers=request.headers,
                credentials=self._credentials,
                region=_REGION,
                now=self._clock.now(),
                host=_ADDRESS.host,
            )
        except PresignedRefused as error:
            raise refused(error.code, error.message) from error
        return Allowed(key=request.key, parameters=parameters)

    def _signing(self) -> Signing:
        return Signing(credentials=self._credentials, region=_REGION, now=self._clock.now())

    def _public(self, url: str) -> str:
        return self._front + url.removeprefix(_ADDRESS.origin)
