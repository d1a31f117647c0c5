"""The port of the records: where the core keeps what it knows of files. `core.ports` names it with the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable
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


class Records(Protocol):
    """The file records. Each verb is one transaction; each change one compare-and-set."""

    async def add(self, file: File) -> File:
        """Insert a record, and return the one that stands.

        That is `file`, or an earlier record of the same owner with the same idempotency key (compare the ids).
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
        """Insert records that have no idempotency key; all or none."""
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


@runtime_checkable
class Checkable(Protocol):
    """Optional power of records: a cheap probe for readiness."""

    async def check(self) -> None:
        """Raise `RecordsUnavailable` if the database does not answer or its tables are not the code's."""
        ...
