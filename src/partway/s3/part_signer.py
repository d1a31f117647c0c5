"""Signs the parts of one upload: all that they share is hashed once, so that each URL costs two short hashes.

A part's canonical request differs from the next only behind `partNumber=`, and its string to sign only in the last 64
characters. The states of SHA-256 (and of both sides of HMAC) in front of these are kept and copied.
"""

from __future__ import annotations

import hashlib
from binascii import hexlify
from collections.abc import Iterable, Iterator, Mapping, Sequence

from partway.core.in_turn import InTurn
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
        self._before_size = f"&uploadId={upload}\ncontent-length:"
        self._before_checksum, behind_checksum = _around_checksum(checksum_header, address.host)
        self._behind_headers = f"{behind_checksum}\n\n{';'.join(names)}\n{UNSIGNED_PAYLOAD}"
        self._request = hashlib.sha256(
            f"PUT\n{path}\n{common}{security}&X-Amz-SignedHeaders={signed_headers}&partNumber=".encode()
        )
        block = signing.key.ljust(_BLOCK_SIZE, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._inner.update(f"{ALGORITHM}\n{signing.timestamp}\n{signing.scope}\n".encode())
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def sign(self, parts: Iterable[PartToSign]) -> Sequence[SignedPart]:
        """The presigned URLs of some parts, in their order. Each is signed, for the same time, when it is read."""
        return InTurn(parts if isinstance(parts, Sequence) else list(parts), self._each)

    def _each(self, parts: Iterable[PartToSign]) -> Iterator[SignedPart]:
        if self._checksum_header is None and self._offset_parameter is None:
            return self._each_plain(parts)
        return map(self._sign_described, parts)

    def _each_plain(self, parts: Iterable[PartToSign]) -> Iterator[SignedPart]:
        """The common case, in one loop without calls of our own: this is what large uploads wait for."""
        head, tail = self._url_head, self._url_tail
        request_copy, inner_copy, outer_copy = self._request.copy, self._inner.copy, self._outer.copy
        new, last_size, behind_number = tuple.__new__, -1, ""
        for number, size, _, _ in parts:
            if size != last_size:  # all parts but the last have one size
                last_size, behind_number = size, self._behind_number(size)
            request = request_copy()
            request.update(f"{number}{behind_number}".encode())
            inner = inner_copy()
            inner.update(hexlify(request.digest()))
            outer = outer_copy()
            outer.update(inner.digest())
            # Its own constructor would take a tenth of the whole time.
            yield new(SignedPart, (number, f"{head}{number}{tail}{outer.hexdigest()}", size, _NO_HEADERS))

    def _sign_described(self, part: PartToSign) -> SignedPart:
        """A part with a checksum to be signed, or with an offset."""
        number = str(part.part_number)
        if self._offset_parameter is not None:
            number += f"&{self._offset_parameter}={part.offset}"
        headers = {self._checksum_header: part.checksum or ""} if self._checksum_header is not None else _NO_HEADERS
        request = self._request.copy()
        request.update(f"{number}{self._behind_number(part.size, part.checksum or '')}".encode())
        inner = self._inner.copy()
        inner.update(hexlify(request.digest()))
        outer = self._outer.copy()
        outer.update(inner.digest())
        url = f"{self._url_head}{number}{self._url_tail}{outer.hexdigest()}"
        return SignedPart(part.part_number, url, part.size, headers)

    def _behind_number(self, size: int, checksum: str = "") -> str:
        """The canonical request from behind the part's number (and offset) to its end."""
        return f"{self._before_size}{size}{self._before_checksum}{checksum}{self._behind_headers}"


def _around_checksum(header: str | None, host: str) -> tuple[str, str]:
    """The canonical headers between the length and the checksum, and behind it, in the order of their names."""
    if header is None:
        return f"\nhost:{host}", ""
    if header < "host":
        return f"\n{header}:", f"\nhost:{host}"
    return f"\nhost:{host}\n{header}:", ""
