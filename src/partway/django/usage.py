"""What owners use, kept in the transaction of each change to their files."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, Self

from django.db import IntegrityError, transaction
from django.db.models import F

from partway.core.file import UNFINISHED, File
from partway.django import models
from partway.errors import InvalidInput
from partway.records.limits import OVER_BYTES, OVER_UPLOADS, over_limit

_MOST_BYTES = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Account:
    """What one file adds to its owner's sums."""

    bytes: int
    files: int
    open_uploads: int

    @classmethod
    def of(cls, file: File) -> Self:
        """What a file adds."""
        return cls(file.file_size * file.counted, int(file.counted), int(file.upload_status in UNFINISHED))

    @staticmethod
    def compared(file: File) -> dict[str, Any]:
        """The columns that decide it: who changes them must have seen the ones that stand."""
        return {
            "upload_status": file.upload_status.value,
            "counted": file.counted,
            "file_size": file.file_size,
        }

    def __neg__(self) -> Account:
        return Account(-self.bytes, -self.files, -self.open_uploads)

    def __sub__(self, other: Account) -> Account:
        return Account(self.bytes - other.bytes, self.files - other.files, self.open_uploads - other.open_uploads)


def account(using: str, owner: str, more: Account, *, limits: File | None = None) -> None:
    """Add to an owner's sums, in a transaction that is under way; its row is held until the end of that.

    Args:
        limits: a new file, whose limits the sums must fit then.

    Raises:
        QuotaExceeded: they do not.
    """
    if not any(astuple(more)):
        return
    rows = models.OwnerUsage.objects.using(using)
    changes = {name: F(name) + getattr(more, name) for name in ("bytes", "files", "open_uploads")}
    if not rows.filter(pk=owner).update(**changes):
        try:
            with transaction.atomic(using):
                rows.create(pk=owner)
        except IntegrityError:
            pass  # another was quicker
        rows.filter(pk=owner).update(**changes)
    if limits is not None:
        _check(rows.get(pk=owner), limits)


def _check(used: models.OwnerUsage, file: File) -> None:
    if used.bytes > _MOST_BYTES:
        raise InvalidInput("The owner's bytes are out of range; numbers have at most 64 bits.")
    if file.counted and file.quota_bytes is not None and used.bytes > file.quota_bytes:
        raise over_limit(OVER_BYTES)
    if file.upload_status in UNFINISHED and file.quota_uploads is not None and used.open_uploads > file.quota_uploads:
        raise over_limit(OVER_UPLOADS)
