"""What a client asks when it begins an upload, and the record that this becomes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from partway.core.checksums import ChecksumAlgorithm, check_checksum
from partway.core.file import Caller, File, new_file_id, new_token
from partway.core.keys import KeyTemplate, check_file_name, check_folder
from partway.core.limits import Quota
from partway.core.metadata import check_metadata
from partway.core.parts import MIB, PartPlan, StoreLimits, check_plan, plan_parts
from partway.core.policy import UploadPolicy, check_content_type
from partway.core.ports import TypeDetector
from partway.errors import Conflict, InvalidInput, Refused

MAX_TEXT_LENGTH = 255  #: characters of names, ids and fingerprints
MAX_DESCRIPTION_LENGTH = 10_000  #: characters


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSettings:
    """How uploads are made. The defaults take any file that the store takes."""

    policy: UploadPolicy = field(default_factory=UploadPolicy)
    key_template: KeyTemplate = field(default_factory=KeyTemplate)
    part_size: int = 8 * MIB  #: preferred, bytes
    url_expiry: int = 3600  #: seconds that a part's URL lives
    upload_ttl: int = 24 * 3600  #: seconds after the last sign of life until an upload is given up
    quota: Quota = field(default_factory=Quota)  #: what every owner may use
    detector: TypeDetector | None = None  #: looks at every object before it is a finished file; None: nobody does


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUpload:
    """A request to begin an upload. Values are checked by `new_file`."""

    file_name: str
    file_size: int  #: bytes
    file_content_type: str = ""
    num_parts: int | None = None  #: the client's own plan, with `part_size`; None: the server plans
    part_size: int | None = None  #: bytes
    presign_parts: int | None = None  #: how many URLs to answer with; None: all
    checksum_algorithm: ChecksumAlgorithm | None = None
    part_checksums: Sequence[str] = ()  #: base64, of parts 1, 2, …
    name: str | None = None
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    is_public: bool = False
    fingerprint: str | None = None
    parent_content_type: str | None = None
    parent_object_id: str | None = None


def new_file(
    new: NewUpload,
    *,
    caller: Caller,
    settings: UploadSettings,
    limits: StoreLimits,
    now: datetime,
    idempotency_key: str | None = None,
) -> File:
    """The `pending` record of a new upload, with its key and its plan decided.

    Raises:
        InvalidInput: a value is malformed or out of range.
        PolicyRefused: the policy does not take such a file.
    """
    file_name = check_file_name(new.file_name)
    content_type = check_content_type(new.file_content_type)
    plan = _plan(new, settings, limits)
    settings.policy.check(file_name=file_name, file_size=new.file_size, content_type=content_type)
    _check_part_checksums(new, plan)
    file_id = new_file_id()
    file = File(
        id=file_id,
        key=settings.key_template.key(
            file_id=file_id, file_name=file_name, owner=caller.id, folder=check_folder(new.folder), created=now
        ),
        token=new_token(),
        file_name=file_name,
        file_size=new.file_size,
        file_content_type=content_type,
        name=check_text("name", new.name or file_name),
        description=check_text("description", new.description, most=MAX_DESCRIPTION_LENGTH),
        metadata=check_metadata(new.metadata),
        is_public=new.is_public,
        created_by=caller.id,
        created_by_name=caller.name,
        parent_content_type=_optional_text("parent_content_type", new.parent_content_type),
        parent_object_id=_optional_text("parent_object_id", new.parent_object_id),
        part_size=plan.part_size,
        num_parts=plan.num_parts,
        checksum_algorithm=new.checksum_algorithm,
        fingerprint=_optional_text("fingerprint", new.fingerprint),
        idempotency_key=_optional_text("Idempotency-Key", idempotency_key),
        created=now,
        modified=now,
        expires=now + timedelta(seconds=settings.upload_ttl),
    )
    return settings.quota.of(caller).on(file)


def check_same_request(standing: File, repeated: File) -> None:
    """Raise unless a repeated initiation asks for what the standing record is (the same idempotency key).

    Raises:
        Conflict: it asks for something else (code `idempotency_key_reused`).
    """
    compared = (
        "file_name",
        "file_size",
        "file_content_type",
        "part_size",
        "num_parts",
        "checksum_algorithm",
        "fingerprint",
        "parent_content_type",
        "parent_object_id",
        "copied_from",
    )
    if any(getattr(standing, each) != getattr(repeated, each) for each in compared):
        raise Conflict(
            "This Idempotency-Key was used for another upload. Use a fresh key for each new upload.",
            code="idempotency_key_reused",
        )


def first_parts(file: File, new: NewUpload) -> range:
    """The parts whose URLs an initiation answers with: those asked for, as far as their checksums are known."""
    return range(1, _first_parts(file.num_parts, new) + 1)


def urls_asked(new: NewUpload, *, settings: UploadSettings, limits: StoreLimits) -> int:
    """How many URLs an initiation answers with, but at least 1; a request that will be refused counts as 1."""
    try:
        return max(1, _first_parts(_plan(new, settings, limits).num_parts, new))
    except Refused:
        return 1


def _first_parts(num_parts: int, new: NewUpload) -> int:
    count = num_parts if new.presign_parts is None else min(new.presign_parts, num_parts)
    return count if new.checksum_algorithm is None else min(count, len(new.part_checksums))


def check_text(name: str, value: str, *, most: int = MAX_TEXT_LENGTH) -> str:
    """Return a text if it is short enough and can be stored.

    Raises:
        InvalidInput: it is too long, or holds NUL or half a surrogate pair.
    """
    if len(value) > most:
        raise InvalidInput(f"{name} has {len(value)} characters; at most {most} are allowed.", field=name)
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidInput(f"{name} holds a character that cannot be stored (NUL or half a character).", field=name)
    return value


def _optional_text(name: str, value: str | None) -> str | None:
    return None if value is None else check_text(name, value)


def _plan(new: NewUpload, settings: UploadSettings, limits: StoreLimits) -> PartPlan:
    if new.num_parts is None and new.part_size is None:
        return plan_parts(new.file_size, part_size=settings.part_size, limits=limits)
    if new.num_parts is None or new.part_size is None:
        raise InvalidInput(
            "num_parts and part_size belong together: send both, or none and the server plans.",
            field="part_size" if new.part_size is None else "num_parts",
        )
    return check_plan(new.file_size, part_size=new.part_size, num_parts=new.num_parts, limits=limits)


def _check_part_checksums(new: NewUpload, plan: PartPlan) -> None:
    if not new.part_checksums:
        return
    if new.checksum_algorithm is None:
        raise InvalidInput("part_checksums need checksum_algorithm to say what they are.", field="checksum_algorithm")
    if len(new.part_checksums) > plan.num_parts:
        raise InvalidInput(
            f"part_checksums names more than the {plan.num_parts} planned parts.", field="part_checksums"
        )
    for checksum in new.part_checksums:
        check_checksum(new.checksum_algorithm, checksum)
