"""The port of the records: where the core keeps what it knows of files. `core.ports` names it with the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from partway.core.file import File, UploadStatus
from partway.core.parts import StoredPart


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an owner uses: the sums over their records, exact at every moment."""

    bytes: int = 0  #: the `file_size` of all files that are `counted`
    files: int = 0  #: how many these are
    open_uploads: int = 0  #: pending, uploading or completing


class Records(Protocol):
    """The file records. Each verb is one transaction; each change one compare-and-set."""

    async def add(self, file: File) -> File:
        """Insert a record, and return the one that stands.

        That is `file`, or an earlier record of the same owner with the same idempotency key (compare the ids).

        Raises:
            QuotaExceeded: with it the owner would use more than `file.quota_bytes`, or have more open uploads than
                `file.quota_uploads` (code `too_many_uploads`). Decided in the transaction that inserts it.
            Conflict: another record has this id, or this key (code `key_taken`).
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
        """Insert records that have no idempotency key; all or none.

        Raises:
            QuotaExceeded: one of them does not fit any more; see `Records.add`.
        """
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

    async def remove_all(self, file_ids: Collection[UUID]) -> None:
        """Delete records and their reported parts; those that are not there count as removed."""
        ...


@runtime_checkable
class KeyedRecords(Protocol):
    """Optional power of records: they find files by their keys."""

    async def get_keys(self, keys: Collection[str]) -> list[File]:
        """The records that have these keys, in any order."""
        ...


@runtime_checkable
class TrashRecords(Protocol):
    """Optional power of records: what has lain in the trash for long."""

    async def claim_trash(self, before: datetime, *, now: datetime, limit: int) -> list[File]:
        """Mark up to `limit` records that were deleted before a moment as being purged; return them, oldest first.

        In one statement, so that one that is restored meanwhile is not among them. `purging` becomes `now`; those whose
        purge has begun already are left to it, and to what reclaims the ones that died.
        """
        ...


class Due(NamedTuple):
    """How much there is for upkeep to do."""

    uploads: int  #: open ones past their deadline, completions that show no life, finished ones nobody was told of
    left: int  #: files that ended and still count
    trash: int  #: files that were deleted long ago
    ended: int  #: records of aborted and failed uploads that are old


@runtime_checkable
class UpkeepRecords(Protocol):
    """Optional power of records: what nobody looks after any more. Any number of processes may claim at once."""

    async def claim_due(self, *, now: datetime, stuck_before: datetime, until: datetime, limit: int) -> list[File]:
        """Take up to `limit` uploads in hand until a moment (`File.tended`), the longest due first.

        They are open and past their deadline (`expires` before `now`), or `completing` without a change since
        `stuck_before`, or `untold` since before that; those that another run has in hand are left to it.
        """
        ...

    async def remove_ended(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` records of uploads that ended badly before a moment and are settled; say how many."""
        ...

    async def count_due(
        self,
        *,
        now: datetime,
        stuck_before: datetime,
        single_puts_before: datetime,
        deleted_before: datetime,
        ended_before: datetime,
    ) -> Due:
        """How much `claim_due`, `UsageRecords.reclaimable`, `claim_trash` and `remove_ended` would find now.

        What another run has in hand is not counted.
        """
        ...


@runtime_checkable
class OrderedRecords(Protocol):
    """Optional power of records: they can be gone through by their keys."""

    async def by_key(self, prefix: str, *, after: str, limit: int) -> list[File]:
        """Up to `limit` records whose keys begin with `prefix` and sort behind `after`, by the keys' UTF-8 bytes."""
        ...


@runtime_checkable
class UsageRecords(Protocol):
    """Optional power of records: what owners use. Records without it may know no limits."""

    async def usage(self, owner: str) -> Usage:
        """What an owner uses."""
        ...

    async def reclaimable(self, *, owner: str | None, single_puts_before: datetime, limit: int) -> list[File]:
        """Up to `limit` files of an owner (None: of all) that ended and still count.

        They are aborted, failed or being purged. Those that came by a single PUT are among them only if they ended
        (`completed`, else `modified`) before a moment: until then its URL may live.
        """
        ...


@runtime_checkable
class Checkable(Protocol):
    """Optional power of records: a cheap probe for readiness."""

    async def check(self) -> None:
        """Raise `RecordsUnavailable` if the database does not answer or its tables are not the code's."""
        ...
