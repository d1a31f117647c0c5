"""All that the core asks for: the store, the records and the clock, in the core's own words.

Every verb is declared `async def`. Asynchronous adapters really await; those named `Blocking…` never suspend, so that
`core.blocking.run_straight` can run the same story in the caller's thread. Adapters translate foreign errors at one
door into those of `partway.errors`, and every one passes the runnable contract beside it (`stores.contract`,
`records.contract`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from partway.core.checksums import ChecksumAlgorithm
from partway.core.file import File, UploadStatus
from partway.core.parts import StoredPart, StoreLimits


class PartToSign(NamedTuple):
    """One part that a client wants to send."""

    part_number: int
    size: int  #: exact bytes; signed as Content-Length, so the store refuses any other body
    checksum: str | None = None  #: base64, in the upload's algorithm; signed, so the store refuses any other body
    offset: int = 0  #: where the part begins in the file, bytes (`PartPlan.offset_of`); a store may have no use for it


class SignedPart(NamedTuple):
    """A presigned URL for one part. The client sends PUT with exactly `size` bytes and all of `headers`.

    A store that the service itself serves may sign URLs that begin with `/`: they belong to the service's own origin.
    """

    part_number: int
    url: str
    size: int  #: bytes
    headers: Mapping[str, str]  #: what must be sent besides Content-Length; empty without a checksum


class SignedParts(NamedTuple):
    """Presigned URLs for some parts of one upload."""

    parts: Sequence[SignedPart]
    expires_in: int  #: seconds that the URLs really live: never longer than the credentials that signed them


class SignedUrl(NamedTuple):
    """One presigned URL."""

    url: str
    expires_in: int  #: seconds that it really lives
    headers: Mapping[str, str]  #: what must be sent with it


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """What the store says of an object."""

    key: str
    size: int  #: bytes
    etag: str  #: without quotes
    content_type: str
    last_modified: datetime
    token: str | None = None  #: the random token given at creation: proof that the object is a certain file's
    checksum: str | None = None  #: "crc32:base64…" of the full object, if the store keeps one


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStream:
    """An object's bytes, or a range of them, as they come. Close it (`aclose`) if you stop early."""

    stored: StoredObject  #: the whole object's description
    first: int  #: offset of the first byte that comes
    length: int  #: bytes that come
    chunks: AsyncIterator[bytes]

    async def aclose(self) -> None:
        """Give the connection or the file back. May be called at any time and more than once."""
        close = getattr(self.chunks, "aclose", None)
        if close is not None:
            await close()


class MultipartStore(Protocol):
    """A store's multipart uploads. Keys are decided by the caller and stored with the record first."""

    @property
    def limits(self) -> StoreLimits:
        """What the store takes."""
        ...

    async def create_upload(
        self, key: str, *, content_type: str, token: str, checksum_algorithm: ChecksumAlgorithm | None = None
    ) -> str:
        """Open a multipart upload and return its upload id.

        `content_type` and `token` are fixed here and come back from `head`. Asking twice opens two uploads.
        """
        ...

    async def find_uploads(self, key: str) -> list[str]:
        """Upload ids of all open multipart uploads of exactly this key, oldest first."""
        ...

    async def sign_parts(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[PartToSign],
        *,
        expires_in: int,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> SignedParts:
        """Presign the PUT of some parts, for `expires_in` seconds or as long as the credentials live.

        Computes only; the upload need not exist. `checksum_algorithm` names what the parts' checksums are.
        """
        ...

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """All parts that the store holds, over all pages. May name one number twice.

        Raises:
            UploadGone: the store does not know the upload under this key.
        """
        ...

    async def complete_upload(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[StoredPart],
        *,
        checksum: str | None = None,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> None:
        """Join the parts into the object. After it the upload is gone and its URLs are dead.

        `checksum` is the full object's (base64), for a joinable algorithm; the store compares it.

        Raises:
            UploadGone: the store does not know the upload.
            StoreRefused: a part is not there or has another ETag, or the checksum is wrong.
        """
        ...

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop the upload and its parts. Returns once the store has confirmed that nothing is left.

        An upload that the store does not know is confirmed too.
        """
        ...


class ObjectStore(Protocol):
    """A store's finished objects."""

    async def head(self, key: str) -> StoredObject | None:
        """What the store says of the object; None if it is not there."""
        ...

    async def read(
        self, key: str, *, first: int = 0, last: int | None = None, if_match: str | None = None
    ) -> ObjectStream:
        """The object's bytes from offset `first` to `last` (inclusive; None: to the end), in bounded memory.

        Raises:
            ObjectGone: it is not there, or its ETag is not `if_match`.
            InvalidInput: the range lies outside the object (code `range_not_satisfiable`).
        """
        ...

    async def sign_download(
        self, key: str, *, expires_in: int, content_type: str | None = None, disposition: str | None = None
    ) -> SignedUrl:
        """Presign a GET whose answer carries this `Content-Type` and `Content-Disposition`. Computes only."""
        ...

    async def delete(self, key: str) -> None:
        """Delete the object. Returns once it is gone; one that is not there counts as gone."""
        ...

    async def check(self) -> None:
        """Ask the store for the cheapest proof that it answers and takes our credentials.

        Raises:
            StoreUnavailable: no answer.
            StoreRefused: it answers, but not to us, or there is no such bucket.
        """
        ...


class Store(MultipartStore, ObjectStore, Protocol):
    """An object store as the files level needs it."""


@runtime_checkable
class ConditionalPuts(Protocol):
    """Optional power: the store can refuse to overwrite, so a single presigned PUT is safe."""

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
        """Presign one PUT of exactly `size` bytes that creates the object and never overwrites one.

        `headers` of the answer must all be sent (`If-None-Match: *`, the content type, the token, the checksum).
        """
        ...


class ListedObject(NamedTuple):
    """One row of a listing of objects."""

    key: str
    size: int  #: bytes
    etag: str  #: without quotes
    last_modified: datetime


class ObjectPage(NamedTuple):
    """One page of a listing."""

    objects: Sequence[ListedObject]
    more: bool  #: ask again with `after` the last key


@runtime_checkable
class ObjectListing(Protocol):
    """Optional power: the store can list its objects."""

    async def list_objects(self, prefix: str, *, after: str = "", limit: int = 1000) -> ObjectPage:
        """Up to `limit` (1..1000) objects whose keys begin with `prefix`, from behind the key `after`.

        The order is the store's: by key in UTF-8 on S3 and on the local disk, folder by folder on SeaweedFS. Going on
        with the last key of each page gives every key once.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileQuery:
    """Which files, newest first. None means: any."""

    owner: str | None = None
    status: UploadStatus | None = None
    parent_content_type: str | None = None
    parent_object_id: str | None = None
    search: str | None = None  #: part of the display name or the file name, any case
    fingerprint: str | None = None
    deleted: bool = False  #: the soft-deleted ones instead of the others
    limit: int = 50
    cursor: str | None = None  #: where to go on: `FilePage.next` or `FilePage.previous`


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePage:
    """One page of a keyset listing."""

    files: Sequence[File]
    next: str | None  #: cursor of the older page
    previous: str | None  #: cursor of the newer page


class Records(Protocol):
    """The file records. Each verb is one transaction; each change one compare-and-set."""

    async def add(self, file: File) -> File:
        """Insert a record, and return the one that stands.

        That is `file`, or an earlier record of the same owner with the same idempotency key (compare the ids).
        """
        ...

    async def get(self, file_id: UUID, *, owner: str | None = None) -> File | None:
        """One record; None if there is none, or it is not `owner`'s (None: any owner's)."""
        ...

    async def change(
        self, file_id: UUID, *, when: Collection[UploadStatus] | None = None, **changes: Any
    ) -> File | None:
        """Change fields of one record in one statement and return it as it now stands.

        Args:
            when: only if its status is one of these; None: whatever it is.
            changes: fields of `File`, but `id` and `created_by`. `modified` is the caller's to set.

        Returns:
            The record, or None: it is not there, or its status was another.
        """
        ...

    async def page(self, query: FileQuery) -> FilePage:
        """One page, newest first by (created, id).

        Raises:
            InvalidInput: the cursor is not one of ours.
        """
        ...

    async def remove(self, file_id: UUID) -> None:
        """Delete one record and its reported parts; one that is not there counts as removed."""
        ...

    async def report_parts(self, file_id: UUID, parts: Sequence[StoredPart]) -> None:
        """Note parts that the client says it has sent; a part reported again replaces its earlier report."""
        ...

    async def reported_parts(self, file_id: UUID) -> list[StoredPart]:
        """The reported parts by number."""
        ...


@runtime_checkable
class BulkRecords(Protocol):
    """Optional power of records: many files in one transaction, for many small files at once."""

    async def add_all(self, files: Sequence[File]) -> None:
        """Insert records that have no idempotency key; all or none."""
        ...

    async def get_all(self, file_ids: Collection[UUID], *, owner: str | None = None) -> list[File]:
        """Those of the records that are there and `owner`'s, in any order."""
        ...

    async def change_each(
        self, changes: Mapping[UUID, Mapping[str, Any]], *, when: Collection[UploadStatus]
    ) -> list[File]:
        """Change fields of each record, as `Records.change` does; returns those that were changed.

        All values of `changes` have the same fields.
        """
        ...


@runtime_checkable
class Checkable(Protocol):
    """Optional power of records: a cheap probe for readiness."""

    async def check(self) -> None:
        """Raise `RecordsUnavailable` if the database does not answer or its tables are not the code's."""
        ...


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """This moment, in UTC, aware, in whole microseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.now(UTC)
