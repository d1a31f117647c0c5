"""A store in memory, for tests of what stands on stores. It passes the contract; its URLs are `memory://…`.

Nothing suspends, so it serves a story on an event loop and one that runs straight through. Its URLs are no HTTP: give
them to `MemoryStore.send`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import S3_LIMITS, StoredPart, StoreLimits
from partway.core.ports import (
    Clock,
    ListedObject,
    ListedUpload,
    ObjectPage,
    ObjectStream,
    PartToSign,
    SignedPart,
    SignedParts,
    SignedUrl,
    StoredObject,
    SystemClock,
    UploadPage,
)
from partway.core.ranges import NotSatisfiable, requested_range
from partway.errors import PartwayError
from partway.stores.completion import checked_checksum, parts_to_join
from partway.stores.contract.bench import Answer
from partway.stores.cursors import behind_key, behind_upload, last_key, last_upload
from partway.stores.digests import base64_of, etag_of_parts, new_checksum, new_md5
from partway.stores.memory_copies import MemoryCopies
from partway.stores.memory_urls import UrlSigner
from partway.stores.refusals import answer_refusal, object_gone, outside, refused, upload_gone

_CHUNK_SIZE = 1024 * 1024  # bytes
_TOKEN_HEADER = "x-amz-meta-partway-token"  # noqa: S105 (a header's name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    key: str
    content_type: str
    token: str
    algorithm: ChecksumAlgorithm | None
    metadata: Mapping[str, str]
    initiated: datetime
    parts: dict[int, StoredPart] = field(default_factory=dict)
    bodies: dict[int, bytes] = field(default_factory=dict)


class _MemoryUploads:
    """The multipart half."""

    def __init__(self, *, limits: StoreLimits = S3_LIMITS, clock: Clock | None = None) -> None:
        self._limits = limits
        self._clock = clock or SystemClock()
        self._signer = UrlSigner(self._clock)
        self._uploads: dict[str, _Upload] = {}
        self._objects: dict[str, tuple[StoredObject, bytes]] = {}

    @property
    def limits(self) -> StoreLimits:
        """What the store takes."""
        return self._limits

    async def create_upload(
        self,
        key: str,
        *,
        content_type: str,
        token: str,
        checksum_algorithm: ChecksumAlgorithm | None = None,
        metadata: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> str:
        """See `core.ports.MultipartStore`. No answer is ever lost."""
        if checksum_algorithm is not None:
            new_checksum(checksum_algorithm)
        upload_id = secrets.token_hex(16)
        self._uploads[upload_id] = _Upload(
            key=key,
            content_type=content_type,
            token=token,
            algorithm=checksum_algorithm,
            metadata={name.lower(): value for name, value in (metadata or {}).items()},
            initiated=self._clock.now(),
        )
        return upload_id

    async def find_uploads(self, key: str) -> list[str]:
        """See `core.ports.MultipartStore`."""
        return [upload_id for upload_id, upload in self._uploads.items() if upload.key == key]

    async def list_uploads(self, prefix: str, *, cursor: str | None = None, limit: int = 1000) -> UploadPage:
        """See `core.ports.UploadListing`. By key, then by upload id."""
        after = last_upload(cursor)
        rows = sorted(
            ListedUpload(upload.key, upload_id, upload.initiated)
            for upload_id, upload in self._uploads.items()
            if upload.key.startswith(prefix) and (upload.key, upload_id) > after
        )
        more = len(rows) > limit
        return UploadPage(rows[:limit], behind_upload(rows[limit - 1].key, rows[limit - 1].upload_id) if more else None)

    async def write_part(
        self,
        key: str,
        upload_id: str,
        part: PartToSign,
        body: bytes | bytearray,
        *,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> StoredPart:
        """See `core.ports.PartWrites`."""
        upload = self._upload(key, upload_id)
        if len(body) != part.size:
            raise refused("IncompleteBody", f"{len(body)} bytes came as a part of {part.size}.")
        headers = {}
        if upload.algorithm is not None and part.checksum is not None:
            headers = {upload.algorithm.header: part.checksum}
        self._keep_part(upload, part.part_number, headers, bytes(body))
        return upload.parts[part.part_number]

    async def sign_parts(
        self,
        key: str,
        upload_id: str,
        parts: Iterable[PartToSign],
        *,
        expires_in: int,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> SignedParts:
        """See `core.ports.MultipartStore`."""
        return SignedParts(
            [self._sign_part(key, upload_id, part, expires_in, checksum_algorithm) for part in parts], expires_in
        )

    def _sign_part(
        self, key: str, upload_id: str, part: PartToSign, expires_in: int, algorithm: ChecksumAlgorithm | None
    ) -> SignedPart:
        headers = {algorithm.header: part.checksum} if algorithm is not None and part.checksum is not None else {}
        url = self._signer.sign(
            "PUT",
            key,
            query={"partNumber": str(part.part_number), "uploadId": upload_id},
            headers={**headers, "content-length": str(part.size)},
            expires_in=expires_in,
        )
        return SignedPart(part.part_number, url, part.size, headers)

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """See `core.ports.MultipartStore`."""
        upload = self._upload(key, upload_id)
        return [upload.parts[number] for number in sorted(upload.parts)]

    async def complete_upload(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[StoredPart],
        *,
        checksum: str | None = None,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> None:
        """See `core.ports.MultipartStore`."""
        upload = self._upload(key, upload_id)
        joined = parts_to_join(upload.parts, parts, min_part_size=self._limits.min_part_size)
        whole = checked_checksum(joined, algorithm=checksum_algorithm or upload.algorithm, expected=checksum)
        body = b"".join(upload.bodies[part.part_number] for part in joined)
        self._keep(
            key,
            body,
            content_type=upload.content_type,
            token=upload.token,
            etag=etag_of_parts(joined),
            checksum=whole,
            metadata=upload.metadata,
        )
        del self._uploads[upload_id]

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """See `core.ports.MultipartStore`."""
        upload = self._uploads.get(upload_id)
        if upload is not None and upload.key == key:
            del self._uploads[upload_id]

    def _upload(self, key: str, upload_id: str) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise upload_gone()
        return upload

    def _keep_part(self, upload: _Upload, number: int, headers: Mapping[str, str], body: bytes) -> str:
        etag, checksum = _checked(headers, body)
        upload.bodies[number] = body
        upload.parts[number] = StoredPart(
            part_number=number, size=len(body), etag=etag, checksum=checksum, last_modified=self._clock.now()
        )
        return etag

    def _keep(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str,
        token: str | None,
        etag: str,
        checksum: str | None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        stored = StoredObject(
            key=key,
            size=len(body),
            etag=etag,
            content_type=content_type,
            last_modified=self._clock.now(),
            token=token,
            checksum=checksum,
            metadata=metadata or {},
        )
        self._objects[key] = (stored, body)


class MemoryStore(_MemoryUploads, MemoryCopies):
    """An object store in memory, with every optional power but forms.

    Args:
        limits: what it takes; S3's unless a test wants small parts.
        clock: what its URLs expire by.
    """

    async def head(self, key: str) -> StoredObject | None:
        """See `core.ports.ObjectStore`."""
        found = self._objects.get(key)
        return found[0] if found is not None else None

    async def read(
        self, key: str, *, first: int = 0, last: int | None = None, if_match: str | None = None
    ) -> ObjectStream:
        """See `core.ports.ObjectStore`."""
        stored, body = self._object(key)
        if if_match is not None and if_match != stored.etag:
            raise object_gone()
        if first > 0 and first >= stored.size:
            raise outside(stored.size)
        wanted = body[first : None if last is None else last + 1]
        return ObjectStream(stored=stored, first=first, length=len(wanted), chunks=_chunks(wanted))

    async def sign_download(
        self, key: str, *, expires_in: int, content_type: str | None = None, disposition: str | None = None
    ) -> SignedUrl:
        """See `core.ports.ObjectStore`."""
        asked = {"response-content-type": content_type, "response-content-disposition": disposition}
        query = {name: value for name, value in asked.items() if value is not None}
        url = self._signer.sign("GET", key, query=query, headers={}, expires_in=expires_in)
        return SignedUrl(url, expires_in, {})

    async def write_object(self, key: str, body: bytes, *, content_type: str, token: str) -> None:
        """See `core.ports.ObjectWrites`."""
        if key not in self._objects:
            etag, _ = _checked({}, body)
            self._keep(key, body, content_type=content_type, token=token, etag=etag, checksum=None)

    async def delete(self, key: str) -> None:
        """See `core.ports.ObjectStore`."""
        self._objects.pop(key, None)

    async def check(self) -> None:
        """Memory is always there."""

    async def sign_put(
        self,
        key: str,
        *,
        size: int,
        content_type: str,
        token: str,
        expires_in: int,
        checksum: str | None = None,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> SignedUrl:
        """See `core.ports.ConditionalPuts`."""
        headers = {"content-type": content_type, "if-none-match": "*", _TOKEN_HEADER: token}
        if checksum is not None and checksum_algorithm is not None:
            headers[checksum_algorithm.header] = checksum
        signed = {**headers, "content-length": str(size)}
        url = self._signer.sign("PUT", key, query={}, headers=signed, expires_in=expires_in)
        return SignedUrl(url, expires_in, headers)

    async def sign_plain_put(
        self, key: str, *, content_type: str, expires_in: int, size: int | None = None
    ) -> SignedUrl:
        """See `core.ports.PlainPuts`."""
        headers = {"content-type": content_type}
        length = {} if size is None else {"content-length": str(size)}
        url = self._signer.sign("PUT", key, query={}, headers={**headers, **length}, expires_in=expires_in)
        return SignedUrl(url, expires_in, headers)

    def object_url(self, key: str) -> str:
        """See `core.ports.ObjectAddresses`."""
        return f"memory:///{quote(key)}"

    async def list_objects(self, prefix: str, *, cursor: str | None = None, limit: int = 1000) -> ObjectPage:
        """See `core.ports.ObjectListing`."""
        after = last_key(cursor)
        keys = sorted(self._objects, key=str.encode)
        found = [key for key in keys if key.startswith(prefix) and key.encode() > after.encode()]
        rows = [self._objects[key][0] for key in found[:limit]]
        listed = [ListedObject(row.key, row.size, row.etag, row.last_modified) for row in rows]
        return ObjectPage(listed, behind_key(listed[-1].key) if len(found) > limit else None)

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request to one of the store's URLs as a store answers it over HTTP.

        Args:
            method: of HTTP.
            url: one that the store signed.
            headers: of the request; Content-Length is added.
            body: of the request.
        """
        plain = {name.lower(): value for name, value in headers.items()}
        try:
            key, terms = self._signer.verify(method, url, {**plain, "content-length": str(len(body))})
            if method == "PUT" and "uploadId" in terms:
                return self._take_part(key, terms, plain, body)
            if method == "PUT":
                return self._take_object(key, plain, body)
            return self._give_object(key, terms, plain)
        except PartwayError as error:
            refusal = answer_refusal(error)
            return Answer(refusal.status, {name.lower(): v for name, v in refusal.headers.items()}, refusal.body)

    def _take_part(self, key: str, terms: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Answer:
        etag = self._keep_part(self._upload(key, terms["uploadId"]), int(terms["partNumber"]), headers, body)
        return Answer(200, {"etag": f'"{etag}"'}, b"")

    def _take_object(self, key: str, headers: Mapping[str, str], body: bytes) -> Answer:
        etag, _ = _checked(headers, body)
        if key in self._objects and "if-none-match" in headers:
            raise refused("PreconditionFailed")
        self._keep(
            key,
            body,
            content_type=headers["content-type"],
            token=headers.get(_TOKEN_HEADER),
            etag=etag,
            checksum=_named_checksum(headers),
        )
        return Answer(200, {"etag": f'"{etag}"'}, b"")

    def _give_object(self, key: str, terms: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        stored, body = self._object(key)
        answered = {"etag": f'"{stored.etag}"', "content-type": terms.get("response-content-type", stored.content_type)}
        if "response-content-disposition" in terms:
            answered["content-disposition"] = terms["response-content-disposition"]
        try:
            wanted = requested_range(headers.get("range"), size=stored.size)
        except NotSatisfiable:
            raise outside(stored.size) from None
        if wanted is None:
            return Answer(200, answered, body)
        answered["content-range"] = f"bytes {wanted.first}-{wanted.last}/{stored.size}"
        return Answer(206, answered, body[wanted.first : wanted.last + 1])

    def _object(self, key: str) -> tuple[StoredObject, bytes]:
        found = self._objects.get(key)
        if found is None:
            raise object_gone()
        return found


def _checked(headers: Mapping[str, str], body: bytes) -> tuple[str, str | None]:
    """The body's MD5 in hex, and its checksum if the headers carry one that it has."""
    md5 = new_md5()
    md5.update(body)
    for algorithm in ChecksumAlgorithm:
        if algorithm.header in headers:
            digest = new_checksum(algorithm)
            digest.update(body)
            if base64_of(digest) != headers[algorithm.header]:
                raise refused("BadDigest")
            return md5.digest().hex(), base64_of(digest)
    return md5.digest().hex(), None


def _named_checksum(headers: Mapping[str, str]) -> str | None:
    named = (f"{each}:{headers[each.header]}" for each in ChecksumAlgorithm if each.joinable and each.header in headers)
    return next(named, None)


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _CHUNK_SIZE):
        yield body[start : start + _CHUNK_SIZE]
