"""Signs the parts of one upload: all that they share is hashed once, so that each URL costs two short hashes.

A part's canonical request differs from the next only behind `partNumber=`, and its string to sign only in the last 64
characters. The states of SHA-256 (and of both sides of HMAC) in front of these are kept and copied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from partway.core.ports import PartToSign, SignedPart
from partway.s3.address import BucketAddress
from partway.s3.sigv4 import ALGORITHM, UNSIGNED_PAYLOAD, Signing, encode_query

_BLOCK_SIZE = 64  #: bytes of SHA-256
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_NO_HEADERS: Mapping[str, str] = {}


class PartSigner:
    """Presigns `PUT`s of parts, each with its exact `Content-Length` as a signed header.

    Args:
        address: the bucket, as clients reach it.
        key: the object's.
        upload_id: the multipart upload's.
        signing: who signs, where and when.
        expires_in: seconds, at most 604,800.
        checksum_header: lower-case name of the header that carries each part's checksum, if the parts have any.
        offset_parameter: name of a query parameter that carries each part's offset, for a store that wants it. It sorts
            between `partNumber` and `uploadId`.
    """

    def __init__(
        self,
        *,
        address: BucketAddress,
        key: str,
        upload_id: str,
        signing: Signing,
        expires_in: int,
        checksum_header: str | None = None,
        offset_parameter: str | None = None,
    ) -> None:
        self._checksum_header = checksum_header
        self._offset_parameter = offset_parameter
        self._address = address
        names = sorted({"content-length", "host", *filter(None, [checksum_header])})
        signed_headers = encode_query(";".join(names))
        credential = encode_query(f"{signing.credentials.access_key}/{signing.scope}")
        upload = encode_query(upload_id)
        token = signing.credentials.session_token
        security = "" if token is None else f"&X-Amz-Security-Token={encode_query(token)}"
        common = (
            f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={signing.timestamp}"
            f"&X-Amz-Expires={expires_in}"
        )
        path = address.path(key)
        self._url_head = f"{address.origin}{path}?uploadId={upload}&partNumber="
        self._url_tail = f"&{common}&X-Amz-SignedHeaders={signed_headers}{security}&X-Amz-Signature="
        self._request_middle = f"&uploadId={upload}\n"
        self._request_tail = f"\n{';'.join(names)}\n{UNSIGNED_PAYLOAD}"
        self._request = hashlib.sha256(
            f"PUT\n{path}\n{common}{security}&X-Amz-SignedHeaders={signed_headers}&partNumber=".encode()
        )
        block = signing.key.ljust(_BLOCK_SIZE, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._inner.update(f"{ALGORITHM}\n{signing.timestamp}\n{signing.scope}\n".encode())
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def sign(self, parts: Iterable[PartToSign]) -> list[SignedPart]:
        """The presigned URLs of some parts, in their order."""
        if self._checksum_header is None and self._offset_parameter is None:
            return self._sign_plain(parts)
        return [self._sign_one(part) for part in parts]

    def _sign_plain(self, parts: Iterable[PartToSign]) -> list[SignedPart]:
        """The common case, in one loop without calls of our own: this is what large uploads wait for."""
        head, tail = self._url_head, self._url_tail
        request_copy, inner_copy, outer_copy = self._request.copy, self._inner.copy, self._outer.copy
        before_size = f"{self._request_middle}content-length:"
        after_size = f"\nhost:{self._address.host}\n{self._request_tail}"
        signed = []
        for number, size, _, _ in parts:
            request = request_copy()
            request.update(f"{number}{before_size}{size}{after_size}".encode())
            inner = inner_copy()
            inner.update(request.hexdigest().encode())
            outer = outer_copy()
            outer.update(inner.digest())
            signed.append(SignedPart(number, f"{head}{number}{tail}{outer.hexdigest()}", size, _NO_HEADERS))
        return signed

    def _sign_one(self, part: PartToSign) -> SignedPart:
        extra = f"&{self._offset_parameter}={part.offset}" if self._offset_parameter else ""
        headers = {self._checksum_header: part.checksum or ""} if self._checksum_header else _NO_HEADERS
        lines = {"content-length": str(part.size), "host": self._address.host, **headers}
        text = "".join(f"{name}:{lines[name]}\n" for name in sorted(lines))
        request = self._request.copy()
        request.update(f"{part.part_number}{extra}{self._request_middle}{text}{self._request_tail}".encode())
        inner = self._inner.copy()
        inner.update(request.hexdigest().encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        url = f"{self._url_head}{part.part_number}{extra}{self._url_tail}{outer.hexdigest()}"
        return SignedPart(part.part_number, url, part.size, headers)
