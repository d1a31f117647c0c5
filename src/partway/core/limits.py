"""What one owner may use, and how new files are let in.

The limits travel with the record, and the records compare them in the transaction that inserts it: however many
requests come at once, no more is taken than there is. The way without limits asks nothing more of anybody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from partway.core.file import UNFINISHED, Caller, File
from partway.core.ports import BulkRecords, Records, Usage, UsageRecords
from partway.core.settling import Settling
from partway.errors import NotFound, QuotaExceeded

_TOO_MANY_UPLOADS = "too_many_uploads"
_GUESSES = 3  #: attempts to add all of a batch that fits at once, before its files are added one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one owner may use. None: no limit."""

    bytes: int | None = None  #: of all files, also of those that are being uploaded or are deleted softly
    uploads: int | None = None  #: open ones at once

    def of(self, caller: Caller) -> Quota:
        """The caller's own: a token may name other bytes."""
        return self if caller.quota_bytes is None else Quota(bytes=caller.quota_bytes, uploads=self.uploads)

    def on(self, file: File) -> File:
        """A new record under these limits."""
        if self.bytes is None and self.uploads is None:
            return file
        return file.evolve(quota_bytes=self.bytes, quota_uploads=self.uploads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an owner uses and may use."""

    usage: Usage
    quota: Quota


class Admission:
    """Lets new files in as far as they fit their owner's limits.

    Args:
        records: where the files are remembered.
        settling: gives back what ended files still use, if there is no room.
    """

    def __init__(self, *, records: Records, settling: Settling) -> None:
        self._records = records
        self._settling = settling

    async def admit(self, file: File, add: Callable[[File], Awaitable[File]]) -> File:
        """Add a new record; if there is no room, look for what can be given back, and try once more.

        Args:
            file: with the limits in force.
            add: such as `Records.add`.

        Returns:
            The record that stands.

        Raises:
            QuotaExceeded: it does not fit (facts `limit`, `used`, `left`; code `too_many_uploads`: of open uploads).
        """
        try:
            return await add(file)
        except QuotaExceeded as refusal:
            if not await self._made_room(file, refusal):
                raise await self._explained(file, refusal) from refusal
        try:
            return await add(file)
        except QuotaExceeded as refusal:
            raise await self._explained(file, refusal) from refusal

    async def admit_all(self, files: Sequence[File]) -> dict[UUID, QuotaExceeded]:
        """Add those of one owner's new records that fit, the first ones first.

        Returns:
            Why the others were not added, by their ids.
        """
        assert isinstance(self._records, BulkRecords)
        try:
            await self._records.add_all(files)
        except QuotaExceeded as refusal:
            await self._made_room(files[0], refusal)
        else:
            return {}
        for _ in range(_GUESSES):
            fitting, refused = fit(files, await self.usage(files[0].created_by))
            try:
                await self._records.add_all(fitting)
            except QuotaExceeded:
                continue  # others were quicker
            return refused
        return await self._one_by_one(files)

    async def standing(self, caller: Caller, *, owner: str | None, quota: Quota) -> Standing:
        """What the caller uses and may use; for staff also another owner, as far as we know that one's limits.

        Raises:
            NotFound: somebody else asks for another owner's.
        """
        if owner is None or owner == caller.id:
            return Standing(usage=await self.usage(caller.id), quota=quota.of(caller))
        if not caller.staff:
            raise NotFound("There is no such owner. Leave 'owner' out: only staff may ask for others.")
        return Standing(usage=await self.usage(owner), quota=quota)

    async def usage(self, owner: str) -> Usage:
        """What an owner uses; nothing, if the records do not know."""
        return await self._records.usage(owner) if isinstance(self._records, UsageRecords) else Usage()

    async def _one_by_one(self, files: Iterable[File]) -> dict[UUID, QuotaExceeded]:
        refused = {}
        for file in files:
            try:
                await self._records.add(file)
            except QuotaExceeded as refusal:
                refused[file.id] = await self._explained(file, refusal)
        return refused

    async def _made_room(self, file: File, refusal: QuotaExceeded) -> bool:
        """Settle what this owner's ended files still use. They are no open uploads."""
        if refusal.error_code == _TOO_MANY_UPLOADS:
            return False
        return await self._settling.reclaim(owner=file.created_by) > 0

    async def _explained(self, file: File, refusal: QuotaExceeded) -> QuotaExceeded:
        used = await self.usage(file.created_by)
        return _refusal(file, used, uploads=refusal.error_code == _TOO_MANY_UPLOADS)


def fit(files: Iterable[File], used: Usage) -> tuple[list[File], dict[UUID, QuotaExceeded]]:
    """Those of an owner's new files that fit beside what is used, the first ones first, and why the others do not."""
    fitting, refused = [], {}
    for file in files:
        if not _has_bytes(file, used):
            refused[file.id] = _refusal(file, used, uploads=False)
        elif not _has_uploads(file, used):
            refused[file.id] = _refusal(file, used, uploads=True)
        else:
            fitting.append(file)
            used = _with(file, used)
    return fitting, refused


def _has_bytes(file: File, used: Usage) -> bool:
    return file.quota_bytes is None or not file.counted or used.bytes + file.file_size <= file.quota_bytes


def _has_uploads(file: File, used: Usage) -> bool:
    return file.quota_uploads is None or file.upload_status not in UNFINISHED or used.open_uploads < file.quota_uploads


def _with(file: File, used: Usage) -> Usage:
    return Usage(
        bytes=used.bytes + (file.file_size if file.counted else 0),
        files=used.files + file.counted,
        open_uploads=used.open_uploads + (file.upload_status in UNFINISHED),
    )


def _refusal(file: File, used: Usage, *, uploads: bool) -> QuotaExceeded:
    """Why a file was not let in, and what is left."""
    if uploads:
        limit = file.quota_uploads or 0
        return QuotaExceeded(
            f"You have {used.open_uploads} open uploads and may have {limit}. Complete or abort one, and begin again.",
            code=_TOO_MANY_UPLOADS,
            limit=limit,
            used=used.open_uploads,
            left=max(0, limit - used.open_uploads),
        )
    limit = file.quota_bytes or 0
    left = max(0, limit - used.bytes)
    return QuotaExceeded(
        f"The file has {file.file_size} bytes, and {left} of your {limit} are left. Delete files for good, or abort "
        "uploads, and begin again.",
        limit=limit,
        used=used.bytes,
        left=left,
    )
