"""What can be wrong between the records and the store, and when it is. Pure.

A finding is what nobody else looks after: records of open uploads, and those of which something may be left at the
store, are upkeep's. And it is old: what changed a moment ago is still being changed, and what a signed URL can still
reach may come or go.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from partway.core.file import OBJECT_MISSING, File, UploadStatus
from partway.core.parts import StoreLimits, plan_parts
from partway.core.ports import ListedObject, ListedUpload, StoredObject
from partway.core.settling import settled_as

_UNKNOWN = datetime.fromtimestamp(0, UTC)  # how stores that do not say when are read


class FindingKind(StrEnum):
    """What is wrong."""

    OBJECT_WITHOUT_RECORD = "object-without-record"  #: no file has this object
    RECORD_WITHOUT_OBJECT = "record-without-object"  #: a finished file has lost its object
    DIFFERS = "differs"  #: a finished file's object has another size or ETag
    UNKNOWN_UPLOAD = "unknown-upload"  #: no file has this open multipart upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, looked at twice."""

    kind: FindingKind
    key: str
    file: File | None = None  #: the record, if there is one
    stored: StoredObject | None = None  #: the object, if there is one
    upload_id: str | None = None  #: of an unknown upload
    fixed: bool = False


def judge_key(file: File | None, stored: ListedObject | StoredObject | None, *, before: datetime) -> FindingKind | None:
    """What is wrong with a record and an object of one key.

    Args:
        file: the record that has the key.
        stored: the object that lies there.
        before: what changed later is left alone.
    """
    if (file is not None and file.modified > before) or (stored is not None and not _is_old(stored, before)):
        return None
    if file is None or _is_over(file):
        return None if stored is None or _is_folder(stored) else FindingKind.OBJECT_WITHOUT_RECORD
    if file.upload_status is not UploadStatus.COMPLETED or file.purging is not None:
        return None
    if stored is None:
        return FindingKind.RECORD_WITHOUT_OBJECT
    same = (stored.size, stored.etag) == (file.file_size, file.etag)
    return None if same else FindingKind.DIFFERS


def is_unknown(upload: ListedUpload, file: File | None, *, before: datetime) -> bool:
    """Whether an open multipart upload is nobody's.

    Args:
        upload: as the store lists it.
        file: the record that has its key.
        before: what changed later is left alone.
    """
    if not _UNKNOWN < upload.initiated <= before:
        return False
    if file is None:
        return True
    # One whose id the record does not know yet, or no more, is found by its key: see `core.settling`.
    owned = not file.single_put and not file.settled and file.upload_id in {None, upload.upload_id}
    return not owned and file.modified <= before


def failed_for_good(now: datetime) -> dict[str, Any]:
    """What becomes of a finished file whose object was lost: it failed, and counts no more."""
    lost = {"upload_status": UploadStatus.FAILED, "failure": OBJECT_MISSING, "modified": now}
    return {**lost, **settled_as(gone=True)}


def taken_over(file: File, stored: StoredObject, *, limits: StoreLimits, now: datetime) -> dict[str, Any] | None:
    """What becomes of a finished file whose object differs: the record says what the store holds.

    None if the object is another file's, as its token says. One without a token was put there past us, by somebody who
    may write to the bucket: nothing else is left of the file.
    """
    if stored.token not in {None, file.token}:
        return None
    plan = plan_parts(stored.size, part_size=file.part_size, limits=limits)
    return {
        "file_size": plan.file_size,
        "part_size": plan.part_size,
        "num_parts": plan.num_parts,
        "etag": stored.etag,
        "checksum": stored.checksum,
        "detected_content_type": None,  # nobody has looked at these bytes
        "modified": now,
    }


def _is_old(stored: ListedObject | StoredObject, before: datetime) -> bool:
    return _UNKNOWN < stored.last_modified <= before


def _is_folder(stored: ListedObject | StoredObject) -> bool:
    """Whether an object is only the mark of a folder that consoles make."""
    return stored.key.endswith("/") and stored.size == 0


def _is_over(file: File) -> bool:
    """Whether nothing may be left of a file at the store."""
    return file.settled and file.upload_status in {UploadStatus.ABORTED, UploadStatus.FAILED}
