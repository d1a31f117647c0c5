"""File records on Django's ORM: in the caller's thread, connection and transaction.

Each verb is a savepoint of the transaction that it is called in, or a transaction of its own. It begins with a write
wherever it writes: SQLite cannot turn a transaction that has read into one that writes while others write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connections, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from partway.core.file import UNFINISHED, File, UploadStatus
from partway.core.parts import StoredPart
from partway.core.ports import Due, FilePage, FileQuery, Usage
from partway.core.refusals import key_taken
from partway.django import models
from partway.django.doors import database_door
from partway.django.rows import columns_of, file_of, part_of, row_of
from partway.django.signals import tell
from partway.django.usage import Account, account
from partway.errors import Conflict, InvalidInput, NotFound
from partway.records.cursors import Cursor, page_of
from partway.records.values import FIELDS, check_changes, check_part, check_query, check_text, check_values, folded

_DEAD = Q(upload_status__in=[UploadStatus.ABORTED.value, UploadStatus.FAILED.value])
_ATTEMPTS = 5


class BlockingOrmRecords:
    """File records in the app's tables. Never suspends.

    Every verb raises `RecordsUnavailable` if the database does not answer and `InvalidInput` for values that it cannot
    hold.

    Args:
        using: the alias of the database.
    """

    def __init__(self, *, using: str = "default") -> None:
        self._using = using

    async def add(self, file: File) -> File:
        """Insert a record, and return the one that stands (`partway.core.ports.Records.add`)."""
        if file.idempotency_key is not None and (standing := self._same_request(file)) is not None:
            return standing
        try:
            await self.add_all([file])
        except Conflict:
            standing = self._same_request(file)
            if standing is None:
                raise
            return standing
        return file

    async def get(self, file_id: UUID, *, owner: str | None = None) -> File | None:
        """One record; None if there is none, or it is not `owner`'s (None: any owner's)."""
        return next(iter(await self.get_all([file_id], owner=owner)), None)

    async def change(
        self, file_id: UUID, *, when: Collection[UploadStatus] | None = None, **changes: Any
    ) -> File | None:
        """Change fields of one record and return it; None: not there, or in another status."""
        return next(iter(self._change({file_id: changes}, when)), None)

    async def page(self, query: FileQuery) -> FilePage:
        """One page, newest first by (created, id).

        Raises:
            InvalidInput: the cursor is not one of ours.
        """
        cursor = Cursor.read(query.cursor) if query.cursor is not None else None
        check_query(query)
        with database_door(self._using):
            found = self._rows.filter(_asked(query)).filter(_beyond(cursor))
            newer = cursor is not None and cursor.newer
            found = found.order_by("created", "id") if newer else found.order_by("-created", "-id")
            return page_of([file_of(row) for row in found[: query.limit + 1]], limit=query.limit, cursor=cursor)

    async def remove(self, file_id: UUID) -> None:
        """Delete one record and its reported parts; one that is not there counts as removed."""
        await self.remove_all([file_id])

    async def report_parts(self, file_id: UUID, parts: Sequence[StoredPart]) -> None:
        """Note parts that the client says it has sent; a part reported again replaces its earlier report.

        Raises:
            NotFound: there is no such record.
        """
        for part in parts:
            check_part(part)
        with database_door(self._using):
            if not self._rows.filter(pk=file_id).exists():
                raise NotFound("There is no such file, so its parts cannot be noted.")
            rows = {part.part_number: _part_row(file_id, part) for part in parts}
            models.Part.objects.using(self._using).bulk_create(
                rows.values(),
                update_conflicts=True,
                update_fields=["size", "etag", "checksum", "last_modified"],
                unique_fields=self._names_of_same(["file", "part_number"]),
            )

    async def reported_parts(self, file_id: UUID) -> list[StoredPart]:
        """The reported parts by number."""
        with database_door(self._using):
            return [part_of(row) for row in models.Part.objects.using(self._using).filter(file_id=file_id)]

    async def add_all(self, files: Sequence[File]) -> None:
        """Insert records that have no idempotency key; all or none.

        Raises:
            QuotaExceeded: one of them does not fit any more.
            Conflict: another record has an id or a key of theirs.
        """
        for file in files:
            check_values({field: getattr(file, field) for field in FIELDS})
            if len(file.key) > models.KEY_LENGTH:
                raise InvalidInput(f"The key has more than {models.KEY_LENGTH} characters.", field="key")
        rows = [row_of(file, using=self._using) for file in files]
        with database_door(self._using), self._conflicts(files), transaction.atomic(self._using):
            self._rows.bulk_create(rows)
            for file in files:
                account(self._using, file.created_by, Account.of(file), limits=file)
                tell(None, file, using=self._using)

    async def get_all(self, file_ids: Collection[UUID], *, owner: str | None = None) -> list[File]:
        """Those of the records that are there and `owner`'s, in any order."""
        with database_door(self._using):
            found = self._rows.filter(pk__in=set(file_ids))
            return [file_of(row) for row in (found if owner is None else found.filter(owner=owner))]

    async def change_each(
        self, changes: Mapping[UUID, Mapping[str, Any]], *, when: Collection[UploadStatus]
    ) -> list[File]:
        """Change fields of each record in one transaction; returns those that were changed."""
        return self._change(changes, when)

    async def remove_all(self, file_ids: Collection[UUID]) -> None:
        """Delete records and their reported parts in one transaction; those that are not there count as removed."""
        with database_door(self._using):
            for file in [file_of(row) for row in self._rows.filter(pk__in=set(file_ids)).order_by("pk")]:
                self._remove(file)

    async def get_keys(self, keys: Collection[str]) -> list[File]:
        """The records that have these keys, in any order."""
        with database_door(self._using):
            return [file_of(row) for row in self._rows.filter(key__in=set(keys))]

    async def claim_trash(self, before: datetime, *, now: datetime, limit: int) -> list[File]:
        """Mark up to `limit` records that were deleted before a moment as being purged; return them, oldest first."""
        old = Q(deleted__lt=before, purging__isnull=True)
        return self._claim(old, by=["deleted", "pk"], limit=limit, purging=now)

    async def claim_due(self, *, now: datetime, stuck_before: datetime, until: datetime, limit: int) -> list[File]:
        """Take up to `limit` uploads that are due in hand until a moment, the longest due first."""
        free = Q(tended__isnull=True) | Q(tended__lt=now)
        return self._claim(_due(now, stuck_before) & free, by=["upload_expires_at", "pk"], limit=limit, tended=until)

    async def remove_ended(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` old records of aborted and failed uploads; how many."""
        with database_door(self._using):
            ended = [file_of(row) for row in self._rows.filter(_ended(before)).order_by("pk")[:limit]]
            return sum(self._remove(file) for file in ended)

    async def count_due(
        self,
        *,
        now: datetime,
        stuck_before: datetime,
        single_puts_before: datetime,
        deleted_before: datetime,
        ended_before: datetime,
    ) -> Due:
        """How much there is for upkeep to do."""
        with database_door(self._using):
            free = self._rows.filter(Q(tended__isnull=True) | Q(tended__lt=now))
            return Due(
                uploads=free.filter(_due(now, stuck_before)).count(),
                left=_left(free, single_puts_before).count(),
                trash=self._rows.filter(deleted__lt=deleted_before, purging__isnull=True).count(),
                ended=self._rows.filter(_ended(ended_before)).count(),
            )

    async def usage(self, owner: str) -> Usage:
        """What an owner uses."""
        check_text("owner", owner)
        with database_door(self._using):
            row = models.OwnerUsage.objects.using(self._using).filter(pk=owner).first()
            return Usage(bytes=row.bytes, files=row.files, open_uploads=row.open_uploads) if row else Usage()

    async def reclaimable(self, *, owner: str | None, single_puts_before: datetime, limit: int) -> list[File]:
        """Up to `limit` files of an owner (None: of all) that ended and still count."""
        with database_door(self._using):
            found = _left(self._rows, single_puts_before)
            return [file_of(row) for row in (found if owner is None else found.filter(owner=owner))[:limit]]

    async def check(self) -> None:
        """Raise `RecordsUnavailable` if the database does not answer or the app's tables are not there."""
        with database_door(self._using):
            self._rows.order_by().first()

    @property
    def _rows(self) -> QuerySet[models.File]:
        return models.File.everything.using(self._using)

    def _same_request(self, file: File) -> File | None:
        with database_door(self._using):
            row = self._rows.filter(owner=file.created_by, idempotency_key=file.idempotency_key).first()
            return None if row is None or file.idempotency_key is None else file_of(row)

    def _change(self, changes: Mapping[UUID, Mapping[str, Any]], when: Collection[UploadStatus] | None) -> list[File]:
        """Change records in one transaction; those that somebody else changes meanwhile, in another one."""
        for fields in changes.values():
            check_changes(fields)
            check_values(fields)
        statuses = {status.value for status in (UploadStatus if when is None else when)}
        changed: list[File] = []
        left = set(changes)
        for _ in range(_ATTEMPTS):
            with database_door(self._using):
                # Sorted, so that two transactions take their locks in one order.
                rows = self._rows.filter(pk__in=left, upload_status__in=statuses).order_by("pk")
                found = [file_of(row) for row in rows]
                with transaction.atomic(self._using):
                    done = [after for file in found if (after := self._swap(file, changes[file.id])) is not None]
            changed += done
            left = {file.id for file in found} - {file.id for file in done}
            if not left:
                return changed
        raise Conflict("Others change this file at the same time; try again.")

    def _swap(self, before: File, changes: Mapping[str, Any]) -> File | None:
        """Change a record if what decides its owner's sums still stands as it was."""
        columns = columns_of(changes, using=self._using) or {"modified": F("modified")}
        if not self._rows.filter(pk=before.id, **Account.compared(before)).update(**columns):
            return None
        after = file_of(self._rows.get(pk=before.id))
        account(self._using, before.created_by, Account.of(after) - Account.of(before))
        tell(before, after, using=self._using)
        return after

    def _remove(self, file: File) -> bool:
        with transaction.atomic(self._using):
            models.Part.objects.using(self._using).filter(file_id=file.id).delete()
            rows = self._rows.filter(pk=file.id, **Account.compared(file))
            if gone := bool(rows._raw_delete(self._using)):  # without the signals of a deletion
                account(self._using, file.created_by, -Account.of(file))
            return gone

    def _claim(self, due: Q, *, by: Sequence[str], limit: int, **claim: datetime) -> list[File]:
        """Change up to `limit` rows that are due, each unless somebody else has changed it first."""
        with database_door(self._using):
            chosen = [row.pk for row in self._rows.filter(due).order_by(*by).only("pk")[:limit]]
            with transaction.atomic(self._using):
                mine = {pk for pk in sorted(chosen) if self._rows.filter(due, pk=pk).update(**claim)}
                rows = {row.pk: row for row in self._rows.filter(pk__in=mine)}
        return [file_of(rows[pk]) for pk in chosen if pk in rows]

    @contextmanager
    def _conflicts(self, files: Sequence[File]) -> Iterator[None]:
        """Say which of the values that must be unique is taken."""
        try:
            yield
        except IntegrityError as error:
            ids = {file.id for file in files}
            keys = {file.key for file in files}
            if self._rows.filter(key__in=keys).exclude(pk__in=ids).exists():
                raise key_taken() from error
            raise Conflict("There is a record with this id already; give each file a new id.") from error

    def _names_of_same(self, fields: list[str]) -> list[str] | None:
        """The fields by which rows are the same, for databases that ask: MariaDB finds that out itself."""
        return fields if connections[self._using].features.supports_update_conflicts_with_target else None


def _part_row(file_id: UUID, part: StoredPart) -> models.Part:
    return models.Part(
        file_id=file_id,
        part_number=part.part_number,
        size=part.size,
        etag=part.etag,
        checksum=part.checksum,
        last_modified=part.last_modified,
    )


def _due(now: datetime, stuck_before: datetime) -> Q:
    stuck = Q(upload_status=UploadStatus.COMPLETING.value, modified__lt=stuck_before)
    late = Q(upload_status__in=[status.value for status in UNFINISHED], upload_expires_at__lt=now)
    return late | stuck | Q(untold__lt=stuck_before)


def _left(rows: QuerySet[models.File], single_puts_before: datetime) -> QuerySet[models.File]:
    over = Q(single_put=False) | Q(ended__lt=single_puts_before)
    ended = rows.annotate(ended=Coalesce("completed", "modified"))
    return ended.filter(_DEAD | Q(purging__isnull=False), over, counted=True)


def _ended(before: datetime) -> Q:
    return _DEAD & Q(settled=True, modified__lt=before)


def _asked(query: FileQuery) -> Q:
    asked = Q(purging__isnull=True, deleted__isnull=not query.deleted)
    if query.owner is not None:
        asked &= Q(owner=query.owner)
    if query.status is not None:
        asked &= Q(upload_status=query.status.value)
    if query.fingerprint is not None:
        asked &= Q(fingerprint=query.fingerprint)
    if query.parent_content_type is not None:
        asked &= Q(parent_type=query.parent_content_type)
    if query.parent_object_id is not None:
        asked &= Q(parent_object_id=query.parent_object_id)
    if query.search is not None:
        needle = folded(query.search)
        asked &= Q(folded_name__contains=needle) | Q(folded_file_name__contains=needle)
    return asked


def _beyond(cursor: Cursor | None) -> Q:
    if cursor is None:
        return Q()
    way = "gt" if cursor.newer else "lt"
    same_moment = Q(created=cursor.created, **{f"id__{way}": cursor.id})
    return Q(**{f"created__{way}": cursor.created}) | same_moment
