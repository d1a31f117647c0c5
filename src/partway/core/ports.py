"""All that the core asks for: the store, the records and the clock, in the core's own words.

Every verb is declared `async def`. Asynchronous adapters really await; those named `Blocking…` never suspend, so that
`core.blocking.run_straight` can run the same story in the caller's thread. Adapters translate foreign errors at one
door into those of `partway.errors`, and every one passes the runnable contract beside it (`stores.contract`,
`records.contract`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from partway.core.cdn_port import Cdn as Cdn  # noqa: PLC0414  # an export
from partway.core.checksums import ChecksumAlgorithm
from partway.core.clock import Clock as Clock  # noqa: PLC0414  # an export
from partway.core.clock import SystemClock as SystemClock  # noqa: PLC0414  # an export
from partway.core.parts import StoredPart, StoreLimits
from partway.core.records_port import BulkRecords as BulkRecords  # noqa: PLC0414  # an export
from partway.core.records_port import Checkable as Checkable  # noqa: PLC0414  # an export
from partway.core.records_port import Due as Due  # noqa: PLC0414  # an export
from partway.core.records_port import FilePage as FilePage  # noqa: PLC0414  # an export
from partway.core.records_port import FileQuery as FileQuery  # noqa: PLC0414  # an export
from partway.core.records_port import KeyedRecords as KeyedRecords  # noqa: PLC0414  # an export
from partway.core.records_port import OrderedRecords as OrderedRecords  # noqa: PLC0414  # an export
from partway.core.records_port import Records as Records  # noqa: PLC0414  # an export
from partway.core.records_port import TrashRecords as TrashRecords  # noqa: PLC0414  # an export
from partway.core.records_port import UpkeepRecords as UpkeepRecords  # noqa: PLC0414  # an export
from partway.core.records_port import Usage as Usage  # noqa: PLC0414  # an export
from partway.core.records_port import UsageRecords as UsageRecords  # noqa: PLC0414  # an export
from partway.core.store_powers import BulkDeletes as BulkDeletes  # noqa: PLC0414  # an export
from partway.core.store_powers import ObjectAddresses as ObjectAddresses  # noqa: PLC0414  # an export
from partway.core.store_powers import ObjectCopies as ObjectCopies  # noqa: PLC0414  # an export


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

    parts: Sequence[SignedPart]  #: a store may sign each when it is read
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
    metadata: Mapping[str, str] = field(default_factory=dict)  #: given at creation; names in lower case
    encryption: str | None = None  #: how it is encrypted at rest (`AES256`, `aws:kms`), if the store says
    storage_class: str | None = None  #: the store's own word, if it says


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
        self,
        key: str,
        *,
        content_type: str,
        token: str,
        checksum_algorithm: ChecksumAlgorithm | None = None,
        metadata: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> str:
        """Open a multipart upload and return its upload id.

        `content_type`, `token` and `metadata` (names as `core.metadata.check_object_metadata` takes them, values any
        text) are fixed here and come back from `head`. Asking twice opens two uploads: with
        `once` a store whose answer is lost is not asked again.

        Raises:
            AnswerLost: only with `once`: there may be an upload now.
        """
        ...

    async def find_uploads(self, key: str) -> list[str]:
        """Upload ids of all open multipart uploads of exactly this key, oldest first."""
        ...

    async def sign_parts(
        self,
        key: str,
        upload_id: str,
        parts: Iterable[PartToSign],
        *,
        expires_in: int,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> SignedParts:
        """Presign the PUT of some parts, for `expires_in` seconds or as long as the credentials live.

        Computes only; the upload need not exist. `parts` are taken once. `checksum_algorithm` names what their
        checksums are.
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


@runtime_checkable
class PlainPuts(Protocol):
    """Optional power: presigned PUTs for clients that know of no headers but Content-Type."""

    async def sign_plain_put(
        self, key: str, *, content_type: str, expires_in: int, size: int | None = None
    ) -> SignedUrl:
        """Presign one PUT with this Content-Type, and of exactly `size` bytes if it is known.

        Until the URL expires it can be used again, and overwrites the object, unless the store forbids that of itself.
        Where the client can send more headers, `ConditionalPuts` is the better way.
        """
        ...


class SignedForm(NamedTuple):
    """What an HTML form needs to send a file straight to the store, as multipart/form-data."""

    url: str  #: the form's action; method POST
    fields: Mapping[str, str]  #: hidden fields, in this order, all before the one named `file`
    expires_in: int  #: seconds that it really lives


@runtime_checkable
class FormPosts(Protocol):
    """Optional power: presigned POST (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html)."""

    async def sign_form(
        self, key: str, *, content_type: str, min_size: int, max_size: int, expires_in: int
    ) -> SignedForm:
        """Presign a form for one key, one type and a file of `min_size` to `max_size` bytes. It may be sent again."""
        ...


@runtime_checkable
class PartWrites(Protocol):
    """Optional power: parts whose bytes come through us."""

    async def write_part(
        self,
        key: str,
        upload_id: str,
        part: PartToSign,
        body: bytes | bytearray,
        *,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> StoredPart:
        """Send one part, again if the store is not available for a moment. `part.size` is the body's.

        The store compares `part.checksum`, if there is one; it is in the upload's algorithm, `checksum_algorithm`.

        Raises:
            UploadGone: the store does not know the upload.
        """
        ...


@runtime_checkable
class ObjectWrites(Protocol):
    """Optional power: small objects whose bytes come through us."""

    async def write_object(self, key: str, body: bytes, *, content_type: str, token: str) -> None:
        """Create an object by one request that never overwrites, and that may be sent again.

        If an object is there already, it stays, and nothing is said: look whose it is (`head`, its `token`).
        """
        ...


class TypeDetector(Protocol):
    """Knows file types by their signatures."""

    def detect(self, head: bytes) -> str | None:
        """The media type that the first bytes of a file are the signature of; None: of none that is known."""
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
    next: str | None  #: cursor of the page behind this one; None: this is the last


@runtime_checkable
class ObjectListing(Protocol):
    """Optional power: the store can list its objects."""

    async def list_objects(self, prefix: str, *, cursor: str | None = None, limit: int = 1000) -> ObjectPage:
        """Up to `limit` (1..1000) objects whose keys begin with `prefix`, the first ones or those at `cursor`.

        The order is the store's: by key in UTF-8 on S3 and on the local disk, folder by folder on SeaweedFS. Going on
        with the cursor of each page gives every key once. A cursor is good in any process, also later.

        Raises:
            InvalidInput: the cursor is not one of this store's.
        """
        ...


class ListedUpload(NamedTuple):
    """One open multipart upload of a listing."""

    key: str
    upload_id: str
    initiated: datetime


class UploadPage(NamedTuple):
    """One page of open multipart uploads."""

    uploads: Sequence[ListedUpload]
    next: str | None  #: cursor of the page behind this one; None: this is the last


@runtime_checkable
class UploadListing(Protocol):
    """Optional power: the store can list its open multipart uploads."""

    async def list_uploads(self, prefix: str, *, cursor: str | None = None, limit: int = 1000) -> UploadPage:
        """Up to `limit` (1..1000) open uploads of keys that begin with `prefix`, in the store's order.

        Going on with the cursor of each page gives every upload once, several of one key among them, also if those of
        the pages before were aborted meanwhile.
        """
        ...
