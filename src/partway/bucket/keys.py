"""The keys of the stateless level: where new objects lie, and what a key that a client sends may be.

Nothing is remembered here but in the store, so the key of a multipart upload carries the upload's plan. It needs no
secret: the store binds an upload id to its key, and only we open uploads, so a client that changes the numbers in a key
has a key without an upload.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from partway.core.keys import MAX_KEY_LENGTH, safe_name
from partway.core.parts import PartPlan, StoreLimits, check_plan
from partway.errors import InvalidInput, Misconfigured, PartwayError

_PREFIX = re.compile(r"([A-Za-z0-9._-]+/)*")
_UPLOAD = re.compile(
    r"[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9a-f]{32}-(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,10})/[A-Za-z0-9._-]{1,100}",
    re.ASCII,
)
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})  # none of them is printable
_UPLOAD_ID = re.compile(r"[!-~]{1,1024}")


@dataclass(frozen=True, slots=True)
class BucketKeys:
    """The keys below one prefix.

    Args:
        prefix: such as `uploads/`; empty: the whole bucket. A slash at its end is added.

    Raises:
        Misconfigured: the prefix is no path of letters, digits, `.`, `_` and `-`.
    """

    prefix: str = "uploads/"

    def __post_init__(self) -> None:
        prefix = f"{self.prefix.rstrip('/')}/" if self.prefix else ""
        if not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
            raise Misconfigured(
                f"The prefix {self.prefix!r} must be folders of letters, digits, '.', '_' and '-', such as uploads/.",
                setting="PARTWAY_PRESIGN_KEY_PREFIX",
            )
        object.__setattr__(self, "prefix", prefix)

    def of_upload(self, file_name: str, plan: PartPlan, *, file_id: UUID, created: datetime) -> str:
        """The key of a new multipart upload: a folder for each day, then id, size and part size, then the safe name."""
        day = f"{created.astimezone(UTC):%Y/%m/%d}"
        return f"{self.prefix}{day}/{file_id.hex}-{plan.file_size}-{plan.part_size}/{safe_name(file_name)}"

    def plan_of(self, key: str, *, limits: StoreLimits) -> PartPlan:
        """The plan that the key of a multipart upload carries.

        Raises:
            InvalidInput: it is no key of an upload that was begun here (code `invalid_key`).
        """
        self.check(key)
        found = _UPLOAD.fullmatch(key[len(self.prefix) :])
        if found is None:
            raise _invalid("is not that of an upload begun here; send the key that the initiation answered")
        file_size, part_size = int(found[1]), int(found[2])
        try:
            return check_plan(
                file_size, part_size=part_size, num_parts=-(-file_size // part_size) if part_size else 1, limits=limits
            )
        except PartwayError:
            raise _invalid("is not that of an upload begun here; send the key that the initiation answered") from None

    def check(self, key: str, *, field: str = "key") -> str:
        """Return a key from a client if it lies below our prefix and reads the same to everybody.

        Raises:
            InvalidInput: it does not (code `invalid_key`).
        """
        if not key.startswith(self.prefix) or key == self.prefix:
            raise _invalid(f"must begin with {self.prefix!r} and name a file", field)
        if len(key.encode("utf-8", "replace")) > MAX_KEY_LENGTH:
            raise _invalid(f"is longer than {MAX_KEY_LENGTH} bytes", field)
        if {"", ".", ".."} & set(key.split("/")):
            raise _invalid("has an empty part, or one that is '.' or '..'", field)
        if "\\" in key or (not key.isprintable() and any(unicodedata.category(each) in _CONTROLS for each in key)):
            raise _invalid("holds a control character or a backslash", field)
        return key

    def check_prefix(self, prefix: str | None) -> str:
        """Return what a listing is narrowed to, if it lies below our prefix; None: all that is ours.

        Raises:
            InvalidInput: it does not (code `invalid_key`).
        """
        if prefix is None:
            return self.prefix
        if not prefix.startswith(self.prefix):
            raise _invalid(f"must begin with {self.prefix!r}", "prefix")
        if len(prefix.encode("utf-8", "replace")) > MAX_KEY_LENGTH or {".", ".."} & set(prefix.split("/")):
            raise _invalid("is too long, or has a part that is '.' or '..'", "prefix")
        if any(unicodedata.category(each) in {"Cc", "Cs"} for each in prefix):
            raise _invalid("holds a control character", "prefix")
        return prefix


def check_upload_id(upload_id: str) -> str:
    """Return an upload id if it can be one.

    Raises:
        InvalidInput: it is empty, too long or no printable ASCII (code `invalid_upload_id`).
    """
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise InvalidInput(
            "upload_id is not one; send the one that the initiation answered.",
            field="upload_id",
            code="invalid_upload_id",
        )
    return upload_id


def _invalid(problem: str, field: str = "key") -> InvalidInput:
    return InvalidInput(f"{field} {problem}.", field=field, code="invalid_key")
