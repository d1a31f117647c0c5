"""The local store: S3's multipart life on a disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import MIB, S3_LIMITS, StoredPart, StoreLimits
from partway.core.ports import (
    Clock,
    ListedObject,
    ListedUpload,
    ObjectPage,
    ObjectStream,
    PartToSign,
    SignedParts,
    SignedUrl,
    StoredObject,
    SystemClock,
    UploadPage,
)
from partway.errors import InvalidInput, StoreRefused, StoreUnavailable, UploadGone
from partway.stores.completion import checked_checksum, parts_to_join
from partway.stores.cursors import behind_key, behind_upload, last_key, last_upload
from partway.stores.digests import etag_of_parts, new_checksum
from partway.stores.local.copying import LocalCopies
from partway.stores.local.disk import disk_errors
from partway.stores.local.journal import HeldPart
from partway.stores.local.layout import DATA, remove_upload_files
from partway.stores.local.listing import walk_keys
from partway.stores.local.objects import Objects
from partway.stores.local.preparing import prepared
from partway.stores.local.receiving import Expected, ObjectReceiver, PartReceiver, Receiver
from partway.stores.local.uploads import OpenUpload, UploadOf, Uploads
from partway.stores.local.urls import TOKEN_HEADER, StoreUrls
from partway.stores.refusals import object_gone, outside, refused

_CHUNK_SIZE = MIB  # bytes


class LocalUploads:
    """The multipart half of the store; see `BlockingLocalStore`."""

    def __init__(
        self,
        root: Path | str,
        *,
        secret_key: str,
        public_url: str = "",
        limits: StoreLimits = S3_LIMITS,
        clock: Clock | None = None,
    ) -> None:
        self._layout = prepared(Path(root))
        self._limits = limits
        self._clock = clock or SystemClock()
        self._uploads = Uploads(self._layout)
        self._objects = Objects(self._layout)
        self.urls = StoreUrls(
            secret_key=secret_key, clock=self._clock, public_url=public_url
        )  #: signs, and verifies requests

    @property
    def limits(self) -> StoreLimits:
        """What the store takes: as S3, so that what works here works there."""
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
        with disk_errors():
            self._layout.object_folder(key)
            return self._uploads.create(
                UploadOf(
                    key=key,
                    content_type=content_type,
                    token=token,
                    checksum_algorithm=checksum_algorithm,
                    metadata={name.lower(): value for name, value in (metadata or {}).items()},
                )
            )

    async def find_uploads(self, key: str) -> list[str]:
        """See `core.ports.MultipartStore`."""
        with disk_errors():
            return self._uploads.find(key)

    async def list_uploads(self, prefix: str, *, cursor: str | None = None, limit: int = 1000) -> UploadPage:
        """See `core.ports.UploadListing`. Oldest first."""
        _, after = last_upload(cursor)
        rows: list[ListedUpload] = []
        with disk_errors():
            for upload in self._uploads.walk(prefix, after=after):
                if len(rows) == limit:
                    return UploadPage(rows, behind_upload(rows[-1].key, rows[-1].upload_id))
                rows.append(upload)
        return UploadPage(rows, None)

    async def sign_parts(
        self,
        key: str,
        upload_id: str,
        parts: Iterable[PartToSign],
        *,
        expires_in: int,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> SignedParts:
        """See `core.ports.MultipartStore`. The parts' offsets must be given: they say where the bytes go.

        Raises:
            InvalidInput: a part other than the first has no offset.
        """
        wanted = list(parts)
        _insist_on_offsets(wanted)
        return self.urls.sign_parts(key, upload_id, wanted, expires_in=expires_in, algorithm=checksum_algorithm)

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """See `core.ports.MultipartStore`."""
        with disk_errors(), self._uploads.opened(key, upload_id) as upload, upload.locked() as locked:
            return [locked.parts[number] for number in sorted(locked.parts)]

    async def complete_upload(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[StoredPart],
        *,
        checksum: str | None = None,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> None:
        """See `core.ports.MultipartStore`. One rename, whatever the size.

        Raises:
            UploadGone, StoreRefused: as the port says.
            StoreRefused: the parts do not lie one behind the other (InvalidPart).
        """
        with disk_errors(), self._uploads.opened(key, upload_id) as upload, upload.locked() as locked:
            joined = parts_to_join(locked.parts, parts, min_part_size=self._limits.min_part_size)
            size = _end_of_row(joined)
            whole = checked_checksum(
                joined, algorithm=checksum_algorithm or upload.of.checksum_algorithm, expected=checksum
            )
            _cut(upload, size)
            stored = StoredObject(
                key=key,
                size=size,
                etag=etag_of_parts(joined),
                content_type=upload.of.content_type,
                last_modified=self._clock.now(),
                token=upload.of.token,
                checksum=whole,
                metadata=upload.of.metadata,
            )
            remove_upload_files(self._objects.place(upload.folder, stored, overwrite=True))
        self._uploads.forget(upload_id)

    async def write_part(
        self,
        key: str,
        upload_id: str,
        part: PartToSign,
        body: bytes | bytearray,
        *,
        checksum_algorithm: ChecksumAlgorithm | None = None,
    ) -> StoredPart:
        """See `core.ports.PartWrites`. The part's offset must be given, as for `sign_parts`.

        Raises:
            InvalidInput: a part other than the first has no offset.
            StoreRefused: the body has another size or checksum than the part.
        """
        _insist_on_offsets([part])
        with disk_errors(), self._uploads.opened(key, upload_id) as upload:
            algorithm = None if part.checksum is None else upload.of.checksum_algorithm
        expected = Expected(size=part.size, algorithm=algorithm, checksum=part.checksum if algorithm else None)
        number, offset = part.part_number, part.offset
        with self.receive_part(key, upload_id, number=number, offset=offset, expected=expected) as receiver:
            receiver.write(body)
            etag = receiver.finish()
        moment = self._clock.now()
        return StoredPart(
            part_number=number, size=part.size, etag=etag, checksum=expected.checksum, last_modified=moment
        )

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """See `core.ports.MultipartStore`."""
        with disk_errors(), contextlib.suppress(UploadGone):
            self._uploads.abort(key, upload_id)

    def receive_part(self, key: str, upload_id: str, *, number: int, offset: int, expected: Expected) -> Receiver:
        """Take the body of one part whose request was verified.

        Raises:
            UploadGone: the upload is not there.
            StoreRefused, StoreUnavailable: see `PartReceiver`.
        """
        with disk_errors():
            upload = self._uploads.open(key, upload_id)
            try:
                return PartReceiver(upload, number=number, offset=offset, expected=expected, clock=self._clock)
            except BaseException:
                upload.close()
                raise


class BlockingLocalStore(LocalUploads, LocalCopies):
    """An object store on a local disk, for one machine: any number of processes may share its root.

    The client's side is S3's: presigned URLs for parts, which the service itself answers (`fastapi.store_routes`).
    The root must be on one POSIX file system that knows upper from lower case. Its verbs block and never suspend: on
    an event loop use `threads.in_threads`.

    Args:
        root: its folder; made if it is not there.
        secret_key: the service's; URLs are signed with a key derived from it.
        public_url: how clients reach the service, with any path in front of `/store`; empty: URLs begin with `/`.
        limits: what it takes.
        clock: what URLs expire by.

    Raises:
        Misconfigured: the root cannot be used.
    """

    async def head(self, key: str) -> StoredObject | None:
        """See `core.ports.ObjectStore`."""
        with disk_errors():
            return self._objects.head(key)

    async def read(
        self, key: str, *, first: int = 0, last: int | None = None, if_match: str | None = None
    ) -> ObjectStream:
        """See `core.ports.ObjectStore`."""
        with disk_errors():
            stored, descriptor = self._objects.open(key)
        try:
            if if_match is not None and if_match != stored.etag:
                raise object_gone()
            if first < 0 or (first > 0 and first >= stored.size) or (last is not None and last < first):
                raise outside(stored.size)
        except BaseException:
            os.close(descriptor)
            raise
        end = stored.size if last is None else min(last + 1, stored.size)
        return ObjectStream(
            stored=stored, first=first, length=end - first, chunks=_FileChunks(descriptor, first=first, end=end)
        )

    async def sign_download(
        self, key: str, *, expires_in: int, content_type: str | None = None, disposition: str | None = None
    ) -> SignedUrl:
        """See `core.ports.ObjectStore`."""
        asked = {"response-content-type": content_type, "response-content-disposition": disposition}
        query = {name: value for name, value in asked.items() if value is not None}
        return self.urls.sign("GET", key, query=query, headers={}, expires_in=expires_in)

    async def delete(self, key: str) -> None:
        """See `core.ports.ObjectStore`."""
        with disk_errors():
            self._objects.delete(key)

    async def check(self) -> None:
        """Look whether the root can be written to."""
        with disk_errors():
            if not all(os.access(path, os.W_OK) for path in (self._layout.uploads, self._layout.objects)):
                raise StoreUnavailable("The store's folder cannot be written to; check its owner and its disk.")

    async def aclose(self) -> None:
        """Nothing stays open between verbs; here for those who close every store."""

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
        headers = {"content-type": content_type, "if-none-match": "*", TOKEN_HEADER: token, "content-length": str(size)}
        if checksum is not None and checksum_algorithm is not None:
            new_checksum(checksum_algorithm)
            headers[checksum_algorithm.header] = checksum
        return self.urls.sign("PUT", key, query={}, headers=headers, expires_in=expires_in)

    async def sign_plain_put(
        self, key: str, *, content_type: str, expires_in: int, size: int | None = None
    ) -> SignedUrl:
        """See `core.ports.PlainPuts`. This store never overwrites by a PUT: a second one is answered 412."""
        headers = {"content-type": content_type}
        length = {} if size is None else {"content-length": str(size)}
        return self.urls.sign("PUT", key, query={}, headers={**headers, **length}, expires_in=expires_in)

    def object_url(self, key: str) -> str:
        """See `core.ports.ObjectAddresses`. The service's store routes answer it only if it is signed."""
        return self.urls.unsigned(key)

    def receive_object(self, key: str, *, content_type: str, token: str | None, expected: Expected) -> Receiver:
        """Take the body of a whole object whose request was verified.

        Raises:
            StoreRefused, StoreUnavailable: see `ObjectReceiver`.
        """
        with disk_errors():
            return ObjectReceiver(
                self._objects, key=key, content_type=content_type, token=token, expected=expected, clock=self._clock
            )

    async def write_object(self, key: str, body: bytes, *, content_type: str, token: str) -> None:
        """See `core.ports.ObjectWrites`."""
        expected = Expected(size=len(body))
        try:
            with self.receive_object(key, content_type=content_type, token=token, expected=expected) as receiver:
                receiver.write(body)
                receiver.finish()
        except StoreRefused as refusal:
            if refusal.facts.get("store_code") != "PreconditionFailed":
                raise

    async def list_objects(self, prefix: str, *, cursor: str | None = None, limit: int = 1000) -> ObjectPage:
        """See `core.ports.ObjectListing`."""
        after = last_key(cursor)
        rows: list[ListedObject] = []
        with disk_errors():
            for stored in self._walk(prefix, after):
                if len(rows) == limit:
                    return ObjectPage(rows, behind_key(rows[-1].key))
                rows.append(ListedObject(stored.key, stored.size, stored.etag, stored.last_modified))
        return ObjectPage(rows, None)

    def _walk(self, prefix: str, after: str) -> Iterator[StoredObject]:
        for key in walk_keys(self._layout.objects, prefix=prefix, after=after):
            stored = self._objects.head(key)
            if stored is not None:
                yield stored


class _FileChunks(AsyncIterator[bytes]):
    """A range of a file, in chunks."""

    def __init__(self, descriptor: int, *, first: int, end: int) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._at = first
        self._end = end

    async def __anext__(self) -> bytes:
        if self._at >= self._end or self._file.closed:
            await self.aclose()
            raise StopAsyncIteration
        with disk_errors():
            chunk = os.pread(self._file.fileno(), min(_CHUNK_SIZE, self._end - self._at), self._at)
        if not chunk:
            raise StoreUnavailable("The object's file is shorter than it was; the store's disk has lost bytes.")
        self._at += len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Close the file."""
        self._file.close()


def _insist_on_offsets(parts: Sequence[PartToSign]) -> None:
    if any(part.part_number > 1 and part.offset == 0 and part.size > 0 for part in parts):
        raise InvalidInput("The local store needs each part's offset in the file.", field="offset")


def _end_of_row(parts: Sequence[StoredPart]) -> int:
    """Where parts end that lie one behind the other, bytes.

    Raises:
        StoreRefused: they do not.
    """
    end = 0
    for part in parts:
        if not isinstance(part, HeldPart) or part.offset != end:
            raise refused("InvalidPart", f"Part {part.part_number} does not begin where the part before it ends.")
        end += part.size
    return end


def _cut(upload: OpenUpload, size: int) -> None:
    """Cut off bytes behind the object's end, which a part that is not of the object may have left."""
    path = upload.folder / DATA
    if path.stat().st_size > size:
        os.truncate(path, size)
