"""Bodies on their way to the disk: chunk by chunk, never held in memory, counted only when whole, right and flushed.

A receiver is used in a `with`, which discards what was not finished. Its verbs may be called from different threads.

A part is written to its place in the upload's data file while the upload is locked for the moment of each chunk. Who
begins a part takes its turn: an older request for the same part, such as one whose client has gone without a word, is
refused at its next chunk. A part that is held and sent again is compared with what is there and changed only if it
differs, so that a repeated request never uncounts a part, and the recorded ETag is always that of the bytes on disk.
"""

from __future__ import annotations

import os
import secrets
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from partway.core.checksums import ChecksumAlgorithm, check_checksum
from partway.core.parts import MIB
from partway.core.ports import Clock, StoredObject
from partway.errors import InvalidInput
from partway.stores.digests import base64_of, new_checksum, new_md5
from partway.stores.local.disk import disk_errors, open_file, remove_folder, reserve, write_at
from partway.stores.local.journal import HeldPart, Turn
from partway.stores.local.layout import DATA
from partway.stores.local.objects import Objects
from partway.stores.local.uploads import LockedUpload, OpenUpload
from partway.stores.refusals import refused

_FLUSH_EVERY = 32 * MIB  # bytes; spreads flushing over a long part, so that its end is as quick as a short one's
_flush = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a body must be."""

    size: int  #: bytes
    algorithm: ChecksumAlgorithm | None = None
    checksum: str | None = None  #: base64


class _Body:
    """Counts and digests a body."""

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.received = 0
        self._md5 = new_md5()
        self._checksum = None
        if expected.algorithm is not None and expected.checksum is not None:
            _check_digest(expected.algorithm, expected.checksum)
            if expected.algorithm is not ChecksumAlgorithm.MD5:
                self._checksum = new_checksum(expected.algorithm)

    def take(self, chunk: bytes | bytearray) -> None:
        """Add a chunk."""
        if self.received + len(chunk) > self.expected.size:
            raise refused("EntityTooLarge", f"The body has more than the {self.expected.size} bytes that were signed.")
        self._md5.update(chunk)
        if self._checksum is not None:
            self._checksum.update(chunk)
        self.received += len(chunk)

    def etag(self) -> str:
        """The ETag of the whole body, if it is what was expected."""
        if self.received < self.expected.size:
            raise refused(
                "IncompleteBody", f"{self.received} of the {self.expected.size} signed bytes came; send them all."
            )
        found = base64_of(self._checksum or self._md5)
        if self.expected.checksum not in {None, found}:
            raise refused("BadDigest", f"The body's {self.expected.algorithm} checksum is {found}.")
        return self._md5.digest().hex()


def _check_digest(algorithm: ChecksumAlgorithm, checksum: str) -> None:
    try:
        check_checksum(algorithm, checksum)
    except InvalidInput as error:
        raise refused("InvalidDigest", error.detail) from error


class Receiver(ABC):
    """Takes one body. Use it in a `with`, which discards what was not finished."""

    def __init__(self, body: _Body, descriptor: int) -> None:
        self._body = body
        self._descriptor = descriptor
        self._unflushed = 0
        self._over = False
        self._one_at_a_time = threading.Lock()  # a cancelled request may discard while its last chunk is written

    def write(self, chunk: bytes | bytearray) -> None:
        """Take the next bytes.

        Raises:
            StoreRefused: more bytes than were signed, or the part's turn is over.
            UploadGone: the upload was completed or aborted meanwhile.
            StoreUnavailable: the disk is full or broken.
        """
        with self._one_at_a_time, disk_errors():
            self._insist_open()
            offset = self._body.received
            self._body.take(chunk)
            self._put(chunk, offset)
            self._unflushed += len(chunk)
            if self._unflushed >= _FLUSH_EVERY:
                _flush(self._descriptor)
                self._unflushed = 0

    def finish(self) -> str:
        """Check and flush what came, make it count, and return its ETag without quotes.

        Raises:
            StoreRefused: fewer bytes than were signed, or another checksum; and as `write`.
        """
        with self._one_at_a_time, disk_errors():
            self._insist_open()
            etag = self._body.etag()
            _flush(self._descriptor)
            self._keep(etag)
            self._close()
            return etag

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.discard()

    def discard(self) -> None:
        """Give up what was not finished. Twice is fine."""
        with self._one_at_a_time, disk_errors():
            if not self._over:
                self._close()

    def _close(self) -> None:
        self._over = True
        os.close(self._descriptor)
        self._clear()

    def _insist_open(self) -> None:
        if self._over:
            raise refused("OperationAborted", "This request is over.")

    @abstractmethod
    def _put(self, chunk: bytes | bytearray, offset: int) -> None:
        """Write a chunk that begins at `offset` of the body."""

    @abstractmethod
    def _keep(self, etag: str) -> None:
        """Make the whole, flushed body count."""

    @abstractmethod
    def _clear(self) -> None:
        """Remove what is left behind."""


class PartReceiver(Receiver):
    """Takes one part of an open upload.

    Args:
        upload: the upload; closed with the receiver, and by the caller if there comes none.
        number: the part's.
        offset: where it begins in the file, bytes.
        expected: its size and checksum.
        clock: says when it came.

    Raises:
        UploadGone: the upload was completed or aborted.
        StoreUnavailable: there is no room for the part.
    """

    def __init__(self, upload: OpenUpload, *, number: int, offset: int, expected: Expected, clock: Clock) -> None:
        self._upload = upload
        self._number = number
        self._clock = clock
        self._turn = Turn(secrets.token_hex(8), offset, expected.size)
        super().__init__(_Body(expected), open_file(upload.folder / DATA, os.O_RDWR))
        try:
            with upload.locked() as locked:
                self._seen = locked.turn_of(number)
                held = locked.parts.get(number)
                self._comparing = held is not None and (held.offset, held.size) == (offset, expected.size)
                if not self._comparing:
                    self._begin(locked)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _begin(self, locked: LockedUpload) -> None:
        if not self._comparing:
            reserve(self._descriptor, offset=self._turn.offset, size=self._turn.size)
        locked.begin(self._number, self._turn)
        self._seen = self._turn
        self._comparing = False

    def _put(self, chunk: bytes | bytearray, offset: int) -> None:
        with self._upload.locked() as locked:
            self._insist_on_turn(locked)
            place = self._turn.offset + offset
            if self._comparing and os.pread(self._descriptor, len(chunk), place) != chunk:
                self._begin(locked)
            if not self._comparing:
                write_at(self._descriptor, chunk, place)

    def _keep(self, etag: str) -> None:
        with self._upload.locked() as locked:
            self._insist_on_turn(locked)
            if not self._comparing:
                locked.record(self._described(etag), writer=self._turn.writer)

    def _insist_on_turn(self, locked: LockedUpload) -> None:
        if locked.turn_of(self._number) != self._seen:
            raise refused("OperationAborted")

    def _described(self, etag: str) -> HeldPart:
        expected = self._body.expected
        kept = expected.algorithm is not None and expected.algorithm is self._upload.of.checksum_algorithm
        return HeldPart(
            part_number=self._number,
            offset=self._turn.offset,
            size=expected.size,
            etag=etag,
            checksum=expected.checksum if kept else None,
            last_modified=self._clock.now(),
        )

    def _clear(self) -> None:
        self._upload.close()


class ObjectReceiver(Receiver):
    """Takes one whole object, which appears only if none is there.

    Args:
        objects: where it goes.
        key, content_type, token: what it is.
        expected: its size and checksum.
        clock: says when it came.

    Raises:
        StoreRefused: an object is there already (PreconditionFailed).
        StoreUnavailable: there is no room.
    """

    def __init__(
        self, objects: Objects, *, key: str, content_type: str, token: str | None, expected: Expected, clock: Clock
    ) -> None:
        if objects.layout.object_folder(key).exists():
            raise refused("PreconditionFailed", "An object with this key is there already.")
        self._objects = objects
        self._of = (key, content_type, token)
        self._clock = clock
        body = _Body(expected)
        self._folder = objects.layout.new_scratch()
        self._folder.mkdir(mode=0o700)
        super().__init__(body, open_file(self._folder / DATA, os.O_CREAT | os.O_RDWR))
        try:
            reserve(self._descriptor, offset=0, size=expected.size)
        except BaseException:
            self.discard()
            raise

    def _put(self, chunk: bytes | bytearray, offset: int) -> None:
        write_at(self._descriptor, chunk, offset)

    def _keep(self, etag: str) -> None:
        key, content_type, token = self._of
        expected = self._body.expected
        joinable = expected.checksum is not None and expected.algorithm is not None and expected.algorithm.joinable
        stored = StoredObject(
            key=key,
            size=expected.size,
            etag=etag,
            content_type=content_type,
            last_modified=self._clock.now(),
            token=token,
            checksum=f"{expected.algorithm}:{expected.checksum}" if joinable else None,
        )
        self._objects.place(self._folder, stored, overwrite=False)

    def _clear(self) -> None:
        if self._folder.exists():
            remove_folder(self._folder, scratch=self._objects.layout.new_scratch())
