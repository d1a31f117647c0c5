"""File records on Django's ORM: in the caller's thread, connection and transaction.

Each verb is a savepoint of the transaction that it is called in, or a transaction of its own. It begins with a write
wherever it writes: SQLite cannot turn a transaction that has read into one that writes while others write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connections
from django.db.models import F, Q, QuerySet

from partway.core.file import File, UploadStatus
from partway.core.parts import StoredPart
from partway.core.ports import Due, FilePage, FileQuery, Usage
from partway.core.refusals import key_taken
from partway.django import models
from partway.django.doors import database_door, in_transaction, is_out_of_range
from partway.django.questions import asked, beyond, due, ended, left
from partway.django.referrers import let_go, needed, refuse_needed, unneeded
from partway.django.rows import columns_of, file_of, part_of, row_of
from partway.django.signals import tell
from partway.django.table import FileTable
from partway.django.usage import Account, account, account_new, leaves_sums
from partway.errors import Conflict, InvalidInput, NotFound
from partway.records.cursors import Cursor, page_of
from partway.records.values import FIELDS, check_changes, check_part, check_query, check_text, check_values

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
        self._table = FileTable(using=using)
        self._rows = models.File.everything.using(using).order_by()  # the model's own order is for people

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
        with database_door(self._using):
            file = self._table.get(file_id)
        return file if file is not None and (owner is None or owner == file.created_by) else None

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
            found = self._rows.filter(asked(query)).filter(beyond(cursor))
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

        def insert() -> None:
            self._table.insert([row_of(file, using=self._using) for file in files])
            account_new(self._using, files)
            for file in files:
                tell(None, file, using=self._using)

        with database_door(self._using), self._conflicts(files):
            in_transaction(self._using, insert)

    async def get_all(self, file_ids: Collection[UUID], *, owner: str | None = None) -> list[File]:
        """Those of the records that are there and `owner`'s, in any order."""
        with database_door(self._using):
            found = self._rows.filter(pk__in=set(file_ids))
            return [file_of(row) for row in (found if owner is None else found.filter(owner=owner))]

    async def change_each(
        self, changes: Mapping[UUID, Mapping[str, Any]], *, when: Collection[UploadStatus]
    ) -> list[File]:
        """Change fields of each record in one transaction; returns those that were changed."""
        going = [file_id for file_id, fields in changes.items() if _deletes(fields)]
        kept = needed(going, using=self._using)
        return self._change({file_id: fields for file_id, fields in changes.items() if file_id not in kept}, when)

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
        return self._claim(old & unneeded(self._using), by=["deleted", "pk"], limit=limit, purging=now)

    async def claim_due(self, *, now: datetime, stuck_before: datetime, until: datetime, limit: int) -> list[File]:
        """Take up to `limit` uploads that are due in hand until a moment, the longest due first."""
        free = Q(tended__isnull=True) | Q(tended__lt=now)
        return self._claim(due(now, stuck_before) & free, by=["upload_expires_at", "pk"], limit=limit, tended=until)

    async def remove_ended(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` old records of aborted and failed uploads; how many."""
        with database_door(self._using):
            rows = self._rows.filter(ended(before) & unneeded(self._using))
            old = [file_of(row) for row in rows.order_by("pk")[:limit]]
            return sum(self._remove(file) for file in old)

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
            unused = self._rows.filter(unneeded(self._using))
            return Due(
                uploads=free.filter(due(now, stuck_before)).count(),
                left=left(free, single_puts_before).count(),
                trash=unused.filter(deleted__lt=deleted_before, purging__isnull=True).count(),
                ended=unused.filter(ended(ended_before)).count(),
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
            found = left(self._rows, single_puts_before)
            return [file_of(row) for row in (found if owner is None else found.filter(owner=owner))[:limit]]

    async def by_key(self, prefix: str, *, after: str, limit: int) -> list[File]:
        """Up to `limit` records whose keys begin with `prefix` and sort behind `after`, by the keys' UTF-8 bytes."""
        start = max(prefix, after)
        with database_door(self._using):
            rows = self._rows.filter(key__gte=start).exclude(key=after).order_by("key")[:limit]
            # All keys that begin with the prefix lie one behind the other.
            return [file_of(row) for row in takewhile(lambda row: row.key.startswith(prefix), rows)]

    async def check(self) -> None:
        """Raise `RecordsUnavailable` if the database does not answer or the app's tables are not there."""
        with database_door(self._using):
            self._rows.order_by().first()

    @property
    def _standing(self) -> QuerySet[models.File]:
        """The rows as they now stand, also in a transaction of the project's that sees what stood when it began."""
        return self._rows.select_for_update() if connections[self._using].in_atomic_block else self._rows

    def _same_request(self, file: File) -> File | None:
        with database_door(self._using):
            row = self._standing.filter(owner=file.created_by, idempotency_key=file.idempotency_key).first()
            return None if row is None or file.idempotency_key is None else file_of(row)

    def _change(self, changes: Mapping[UUID, Mapping[str, Any]], when: Collection[UploadStatus] | None) -> list[File]:
        """Change records in one transaction; those that somebody else changes meanwhile, in another one."""
        for fields in changes.values():
            check_changes(fields)
            check_values(fields)
        when = frozenset(UploadStatus if when is None else when)
        statuses = {status.value for status in when}
        if all(_is_plain(fields, when) for fields in changes.values()):
            with database_door(self._using):
                return self._write_all(changes, statuses)
        changed: list[File] = []
        rest = set(changes)
        for _ in range(_ATTEMPTS):
            with database_door(self._using):
                # Sorted, so that two transactions take their locks in one order.
                rows = self._standing.filter(pk__in=rest, upload_status__in=statuses).order_by("pk")
                found = [file_of(row) for row in rows]
                done = in_transaction(self._using, partial(self._swap_all, found, changes))
            changed += done
            rest = {file.id for file in found} - {file.id for file in done}
            if not rest:
                return changed
        raise Conflict("Others change this file at the same time; try again.")

    def _write_all(self, changes: Mapping[UUID, Mapping[str, Any]], statuses: Collection[str]) -> list[File]:
        """Change records, whatever else they say."""

        def write() -> list[File]:
            mine = []
            for file_id in sorted(changes):  # so that two transactions take their locks in one order
                columns = columns_of(changes[file_id], using=self._using)
                mine.append(self._table.change(file_id, columns, statuses=statuses))
            return [file for file in mine if file is not None]

        # One statement is a transaction by itself.
        alone = len(changes) == 1 and self._table.returns_changed and not connections[self._using].in_atomic_block
        return write() if alone else in_transaction(self._using, write)

    def _swap_all(self, files: Sequence[File], changes: Mapping[UUID, Mapping[str, Any]]) -> list[File]:
        return [after for file in files if (after := self._swap(file, changes[file.id])) is not None]

    def _swap(self, before: File, changes: Mapping[str, Any]) -> File | None:
        """Change a record if what decides its owner's sums still stands as it was."""
        if _deletes(changes):
            refuse_needed(before.id, using=self._using)
        columns = columns_of(changes, using=self._using) or {"modified": F("modified")}
        if not self._rows.filter(pk=before.id, **Account.compared(before)).update(**columns):
            return None
        after = self._table.get(before.id)
        if after is None:
            return None
        account(self._using, before.created_by, Account.of(after) - Account.of(before))
        tell(before, after, using=self._using)
        return after

    def _remove(self, file: File) -> bool:
        def remove() -> bool:
            models.Part.objects.using(self._using).filter(file_id=file.id).delete()
            let_go(file.id, using=self._using)
            rows = self._rows.filter(pk=file.id, **Account.compared(file))
            if gone := bool(rows._raw_delete(self._using)):  # without the signals of a deletion
                account(self._using, file.created_by, -Account.of(file))
            return gone

        return in_transaction(self._using, remove)

    def _claim(self, wanted: Q, *, by: Sequence[str], limit: int, **claim: datetime) -> list[File]:
        """Change up to `limit` of the rows that are wanted, each unless somebody else has changed it first."""

        def take() -> dict[UUID, models.File]:
            mine = {pk for pk in sorted(chosen) if self._rows.filter(wanted, pk=pk).update(**claim)}
            return {row.pk: row for row in self._rows.filter(pk__in=mine)}

        with database_door(self._using):
            chosen = [row.pk for row in self._rows.filter(wanted).order_by(*by).only("pk")[:limit]]
            rows = in_transaction(self._using, take)
        return [file_of(rows[pk]) for pk in chosen if pk in rows]

    @contextmanager
    def _conflicts(self, files: Sequence[File]) -> Iterator[None]:
        """Say which of the values that must be unique is taken."""
        try:
            yield
        except IntegrityError as error:
            if is_out_of_range(error):
                raise
            ids = {file.id for file in files}
            keys = {file.key for file in files}
            if self._standing.filter(key__in=keys).exclude(pk__in=ids).exists():
                raise key_taken() from error
            raise Conflict("There is a record with this id already; give each file a new id.") from error

    def _names_of_same(self, fields: list[str]) -> list[str] | None:
        """The fields by which rows are the same, for databases that ask: MariaDB finds that out itself."""
        return fields if connections[self._using].features.supports_update_conflicts_with_target else None


def _is_plain(changes: Mapping[str, Any], when: Collection[UploadStatus]) -> bool:
    """Whether nobody's sums change, and nobody is told, whatever else a record in one of some states says."""
    return "deleted" not in changes and not _deletes(changes) and leaves_sums(changes, when)


def _deletes(changes: Mapping[str, Any]) -> bool:
    return changes.get("deleted") is not None or changes.get("purging") is not None


def _part_row(file_id: UUID, part: StoredPart) -> models.Part:
    return models.Part(
        file_id=file_id,
        part_number=part.part_number,
        size=part.size,
        etag=part.etag,
        checksum=part.checksum,
        last_modified=part.last_modified,
    )
