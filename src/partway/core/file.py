"""A file and its upload as one frozen record, and the states that it may take."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import PartPlan


class UploadStatus(StrEnum):
    """Where a file is in its life."""

    PENDING = "pending"  #: reserved in the records; the store may not know it yet
    UPLOADING = "uploading"  #: the store has an open multipart upload for it
    COMPLETING = "completing"  #: the parts were found right and the store was told to join them
    COMPLETED = "completed"  #: the object is there and was verified
    ABORTED = "aborted"  #: given up by its owner or by its deadline
    FAILED = "failed"  #: did not pass verification, or has lost its object; `File.failure` says why


#: Which state may follow which. Each change is one compare-and-set, so of two rivals one wins.
TRANSITIONS: Mapping[UploadStatus, frozenset[UploadStatus]] = {
    UploadStatus.PENDING: frozenset({UploadStatus.UPLOADING, UploadStatus.ABORTED, UploadStatus.FAILED}),
    UploadStatus.UPLOADING: frozenset(
        {UploadStatus.COMPLETING, UploadStatus.COMPLETED, UploadStatus.ABORTED, UploadStatus.FAILED}
    ),
    UploadStatus.COMPLETING: frozenset({UploadStatus.COMPLETED, UploadStatus.UPLOADING, UploadStatus.FAILED}),
    UploadStatus.COMPLETED: frozenset({UploadStatus.FAILED}),  # its object was lost; see `core.findings`
    UploadStatus.ABORTED: frozenset(),
    UploadStatus.FAILED: frozenset(),
}

#: `File.failure` of a file that was completed and whose object was lost.
OBJECT_MISSING = "object_missing"

#: States in which parts may still arrive.
OPEN = frozenset({UploadStatus.PENDING, UploadStatus.UPLOADING})

#: States that count as an open upload.
UNFINISHED = OPEN | {UploadStatus.COMPLETING}


def may_become(status: UploadStatus) -> frozenset[UploadStatus]:
    """The states from which `status` may be reached."""
    return frozenset(before for before, after in TRANSITIONS.items() if status in after)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file: who owns it, what it is, where it lies and how far its upload has come."""

    id: UUID  #: UUIDv7: sorts by creation
    key: str  #: the object's key in the bucket; decided once, ASCII
    token: str  #: random; stored with the object, so that an object can be proved to be this file's

    file_name: str  #: as the uploader wrote it
    file_size: int  #: declared, bytes
    file_content_type: str  #: declared media type
    detected_content_type: str | None = None  #: what the first bytes are, if somebody looked and knew
    name: str  #: display name; editable
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)  #: the application's JSON object
    is_public: bool = False

    created_by: str  #: the owner's id
    created_by_name: str = ""
    parent_content_type: str | None = None  #: kind of the object that this file is attached to
    parent_object_id: str | None = None
    copied_from: str | None = None  #: id of the file that the store made this one from; nobody uploads its bytes

    upload_status: UploadStatus = UploadStatus.PENDING
    upload_id: str | None = None  #: the store's handle of the open multipart upload
    spares: bool = False  #: the store may hold other multipart uploads of this key: it was asked more than once
    single_put: bool = (
        False  #: one presigned PUT that cannot overwrite creates the object; there is no multipart upload
    )
    part_size: int  #: bytes of every part but the last
    num_parts: int
    checksum_algorithm: ChecksumAlgorithm | None = None
    fingerprint: str | None = None  #: the client's fingerprint of the content, to find an upload to resume
    idempotency_key: str | None = None
    failure: str | None = None  #: why it is `failed`: a code
    settled: bool = False  #: the store holds what this record says, and nothing else of this file

    counted: bool = True  #: `file_size` counts as used by the owner; false once the store surely holds nothing of it
    quota_bytes: int | None = None  #: what the owner could use when this was begun; None: no limit
    quota_uploads: int | None = None  #: how many open uploads the owner could have when this was begun

    etag: str | None = None  #: of the object, without quotes
    checksum: str | None = None  #: "crc32:base64…" of the whole object, if the store verified one

    created: datetime
    modified: datetime
    expires: datetime  #: when an open upload is given up; slides while parts arrive
    completed: datetime | None = None
    deleted: datetime | None = None  #: soft deletion: hidden, object kept
    purging: datetime | None = None  #: hard deletion began: the object goes, then this record
    tended: datetime | None = None  #: until when one run of upkeep has it in hand, and others leave it alone
    untold: datetime | None = None  #: since when the application is yet to be told that it is complete

    @property
    def plan(self) -> PartPlan:
        """How the file is cut into parts."""
        return PartPlan(self.file_size, self.part_size, self.num_parts)

    def evolve(self, **changes: Any) -> Self:
        """This record with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. Staff see and act on every owner's files."""

    id: str
    name: str = ""
    staff: bool = False
    quota_bytes: int | None = None  #: what the caller may use, if that is not what everybody may

    @property
    def sees_only(self) -> str | None:
        """The one owner whose files the caller may see; None: all."""
        return None if self.staff else self.id


def new_file_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def new_token() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)
