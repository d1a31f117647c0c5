"""Records in a SQL database: one story over the tiny port of `partway.records.database`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any
from uuid import UUID

from partway.core.file import File, UploadStatus
from partway.core.parts import StoredPart
from partway.core.ports import Due, FilePage, FileQuery, Usage
from partway.core.refusals import key_taken
from partway.errors import Conflict, RecordsUnavailable
from partway.records.cursors import Cursor, page_of
from partway.records.database import Database
from partway.records.sql_deliveries import SqlDeliveries
from partway.records.statements import Statements, like_pattern
from partway.records.tables import HEAD
from partway.records.values import TEXT_LENGTHS, check_changes, check_query, check_text, folded

_ADD_ATTEMPTS = 3


class SqlRecords(SqlDeliveries):
    """File records in SQLite or PostgreSQL. Each verb is one transaction, most are one statement.

    Make one with `partway.records.connect.connect_records` (for an event loop) or `connect_blocking_records` (verbs
    never suspend). Every verb raises `RecordsUnavailable` if the database does not answer and `InvalidInput` for values
    that it cannot hold.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._statements = Statements(database.dialect)

    async def add(self, file: File) -> File:
        """Insert a record, and return the one that stands (`partway.core.ports.Records.add`).

        Raises:
            Conflict: there is a record with this id already, or with this key (code `key_taken`).
        """
        row = self._rows.file_row(file)
        for _ in range(_ADD_ATTEMPTS):
            if await self._database.fetch(self._statements.add, row):
                return file
            if file.idempotency_key is not None:
                earlier = await self._database.fetch(self._statements.get_request, row)
                if earlier:
                    return self._rows.from_row(earlier[0])
            if await self.get(file.id) is not None:
                raise Conflict("There is a record with this id already; give each file a new id.")
            if await self._database.fetch(self._statements.get_key, row):
                raise key_taken()
        raise RecordsUnavailable("Records with this idempotency key come and go; try again.", retry_after=1)

    async def get(self, file_id: UUID, *, owner: str | None = None) -> File | None:
        """One record; None if there is none, or it is not `owner`'s (None: any owner's)."""
        found = await self._database.fetch(self._statements.get, {"by_id": self._rows.id_to_driver(file_id)})
        if not found:
            return None
        file = self._rows.from_row(found[0])
        return file if owner in {None, file.created_by} else None

    async def change(
        self, file_id: UUID, *, when: Collection[UploadStatus] | None = None, **changes: Any
    ) -> File | None:
        """Change fields of one record in one statement and return it; None: not there, or in another status."""
        check_changes(changes)
        statement = self._statements.change(changes.keys() | _derived(changes), when=when)
        changed = await self._database.fetch(statement, self._change_row(file_id, changes, when))
        return self._rows.from_row(changed[0]) if changed else None

    async def page(self, query: FileQuery) -> FilePage:
        """One page, newest first by (created, id).

        Raises:
            InvalidInput: the cursor is not one of ours.
        """
        cursor = Cursor.read(query.cursor) if query.cursor is not None else None
        statement = self._statements.page(query, cursor=cursor)
        found = await self._database.fetch(statement, self._page_values(query, cursor))
        return page_of([self._rows.from_row(row) for row in found], limit=query.limit, cursor=cursor)

    async def remove(self, file_id: UUID) -> None:
        """Delete one record and its reported parts; one that is not there counts as removed."""
        await self._database.fetch(self._statements.remove, {"by_id": self._rows.id_to_driver(file_id)})

    async def report_parts(self, file_id: UUID, parts: Sequence[StoredPart]) -> None:
        """Note parts that the client says it has sent; a part reported again replaces its earlier report.

        Raises:
            NotFound: there is no such record.
        """
        rows = [self._rows.part_row(file_id, part) for part in parts]
        await self._database.fetch_each(self._statements.report_part, rows)

    async def reported_parts(self, file_id: UUID) -> list[StoredPart]:
        """The reported parts by number."""
        found = await self._database.fetch(self._statements.reported_parts, {"by_id": self._rows.id_to_driver(file_id)})
        return [self._rows.part_from_row(row) for row in found]

    async def add_all(self, files: Sequence[File]) -> None:
        """Insert records that have no idempotency key; all or none."""
        rows = [self._rows.file_row(file) for file in files]
        await self._database.fetch_each(self._statements.add_plainly, rows)

    async def get_all(self, file_ids: Collection[UUID], *, owner: str | None = None) -> list[File]:
        """Those of the records that are there and `owner`'s, in any order."""
        ids = [{"by_id": self._rows.id_to_driver(file_id)} for file_id in dict.fromkeys(file_ids)]
        found = map(self._rows.from_row, await self._database.fetch_each(self._statements.get, ids))
        return [file for file in found if owner in {None, file.created_by}]

    async def get_keys(self, keys: Collection[str]) -> list[File]:
        """The records that have these keys, in any order."""
        rows = [{"key": check_text("key", key, length=TEXT_LENGTHS["key"])} for key in dict.fromkeys(keys)]
        return [self._rows.from_row(row) for row in await self._database.fetch_each(self._statements.get_key, rows)]

    async def by_key(self, prefix: str, *, after: str, limit: int) -> list[File]:
        """Up to `limit` records whose keys begin with `prefix` and sort behind `after`, by the keys' UTF-8 bytes."""
        values = {"start": max(prefix, after), "after": after, "limit": limit}
        found = map(self._rows.from_row, await self._database.fetch(self._statements.by_key, values))
        return list(takewhile(lambda file: file.key.startswith(prefix), found))

    async def change_each(
        self, changes: Mapping[UUID, Mapping[str, Any]], *, when: Collection[UploadStatus]
    ) -> list[File]:
        """Change fields of each record in one transaction; returns those that were changed."""
        if not changes:
            return []
        fields = next(iter(changes.values()))
        check_changes(fields)
        statement = self._statements.change(fields.keys() | _derived(fields), when=when)
        # Sorted, so that two transactions take their locks in one order.
        rows = [self._change_row(file_id, changes[file_id], when) for file_id in sorted(changes)]
        return [self._rows.from_row(row) for row in await self._database.fetch_each(statement, rows)]

    async def remove_all(self, file_ids: Collection[UUID]) -> None:
        """Delete records and their reported parts in one transaction; those that are not there count as removed."""
        # Sorted, so that two transactions take their locks in one order.
        ids = [{"by_id": self._rows.id_to_driver(file_id)} for file_id in sorted(set(file_ids))]
        await self._database.fetch_each(self._statements.remove, ids)

    async def claim_trash(self, before: datetime, *, now: datetime, limit: int) -> list[File]:
        """Mark up to `limit` records that were deleted before a moment as being purged; return them, oldest first."""
        moments = {"before": self._rows.time_to_driver(before), "now": self._rows.time_to_driver(now)}
        found = await self._database.fetch(self._statements.claim_trash, {**moments, "limit": limit})
        return sorted(map(self._rows.from_row, found), key=lambda file: (file.deleted, file.id))

    async def claim_due(self, *, now: datetime, stuck_before: datetime, until: datetime, limit: int) -> list[File]:
        """Take up to `limit` uploads that are due in hand until a moment, the longest due first."""
        moments = {"now": now, "stuck_before": stuck_before, "until": until}
        values = {name: self._rows.time_to_driver(moment) for name, moment in moments.items()}
        found = await self._database.fetch(self._statements.claim_due, {**values, "limit": limit})
        return sorted(map(self._rows.from_row, found), key=lambda file: file.expires)

    async def remove_ended(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` old records of aborted and failed uploads; how many."""
        values = {"before": self._rows.time_to_driver(before), "limit": limit}
        return len(await self._database.fetch(self._statements.remove_ended, values))

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
        moments = {
            "now": now,
            "stuck_before": stuck_before,
            "single_puts_before": single_puts_before,
            "deleted_before": deleted_before,
            "before": ended_before,
        }
        values = {name: self._rows.time_to_driver(moment) for name, moment in moments.items()}
        (counts,) = await self._database.fetch(self._statements.count_due, values)
        return Due(*counts)

    async def usage(self, owner: str) -> Usage:
        """What an owner uses."""
        check_text("owner", owner)
        found = await self._database.fetch(self._statements.usage, {"owner": owner})
        return Usage(bytes=found[0][0], files=found[0][1], open_uploads=found[0][2]) if found else Usage()

    async def reclaimable(self, *, owner: str | None, single_puts_before: datetime, limit: int) -> list[File]:
        """Up to `limit` files of an owner (None: of all) that ended and still count."""
        moment = self._rows.time_to_driver(single_puts_before)
        values = {"single_puts_before": moment, "limit": limit, "owner": owner}
        statement = self._statements.reclaimable if owner is None else self._statements.reclaimable_of_owner
        return [self._rows.from_row(row) for row in await self._database.fetch(statement, values)]

    async def check(self) -> None:
        """Raise `RecordsUnavailable` if the database does not answer or its tables are not the code's."""
        found = await self._database.fetch(self._statements.revision, {})
        if [revision for (revision,) in found] != [HEAD]:
            raise RecordsUnavailable(
                "The database's tables are not up to date. Run: partway db upgrade", retry_after=60
            )

    async def aclose(self) -> None:
        """Give back the connections. May be called more than once."""
        await self._database.aclose()

    def _change_row(
        self, file_id: UUID, changes: Mapping[str, Any], when: Collection[UploadStatus] | None
    ) -> dict[str, Any]:
        row = self._rows.to_row(changes)
        row["by_id"] = self._rows.id_to_driver(file_id)
        for index, status in enumerate(when or ()):
            row[f"when_{index}"] = status.value
        return row

    def _page_values(self, query: FileQuery, cursor: Cursor | None) -> dict[str, Any]:
        check_query(query)
        values: dict[str, Any] = {
            "owner": query.owner,
            "status": query.status and query.status.value,
            "parent_content_type": query.parent_content_type,
            "parent_object_id": query.parent_object_id,
            "fingerprint": query.fingerprint,
            "search": like_pattern(folded(query.search or "")),
            "limit": query.limit + 1,
        }
        if cursor is not None:
            values["after_created"] = self._rows.time_to_driver(cursor.created)
            values["after_id"] = self._rows.id_to_driver(cursor.id)
        return values


def _derived(changes: Mapping[str, Any]) -> set[str]:
    return {f"folded_{name}" for name in ("name", "file_name") if name in changes}
