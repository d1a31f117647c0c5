"""Every statement of the records, built by SQLAlchemy Core and compiled once."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Dialect,
    Select,
    and_,
    bindparam,
    column,
    delete,
    false,
    func,
    or_,
    select,
    table,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from partway.core.file import UploadStatus
from partway.core.ports import FileQuery
from partway.records.cursors import Cursor
from partway.records.database import Prepared
from partway.records.tables import FILE_COLUMNS, RECLAIMABLE, VERSION_TABLE, files, parts, usage

_ESCAPE = "\\"
_VERSION_COLUMN = table(VERSION_TABLE, column("version_num")).c.version_num
_PART_COLUMNS = (parts.c.part_number, parts.c.size, parts.c.etag, parts.c.checksum, parts.c.last_modified)
_FILTERS = {
    "owner": files.c.created_by,
    "status": files.c.upload_status,
    "parent_content_type": files.c.parent_content_type,
    "parent_object_id": files.c.parent_object_id,
    "fingerprint": files.c.fingerprint,
}


_DUE = or_(
    and_(
        text("upload_status IN ('pending', 'uploading', 'completing')"),
        files.c.expires < bindparam("now"),
    ),
    and_(text("upload_status = 'completing'"), files.c.modified < bindparam("stuck_before")),
    files.c.untold < bindparam("stuck_before"),
)
#: No run of upkeep has it in hand.
_FREE = or_(files.c.tended.is_(None), files.c.tended < bindparam("now"))
#: Of those that came by a single PUT, only those whose URLs have died.
_LEFT = and_(
    RECLAIMABLE,
    ~files.c.single_put
    | (
        func.coalesce(files.c.completed, files.c.modified)
        < bindparam("single_puts_before", type_=files.c.modified.type)
    ),
)
_ENDED = and_(
    text("upload_status IN ('aborted', 'failed')"),
    files.c.settled,
    files.c.modified < bindparam("before"),
)


class Statements:
    """The records' statements in one dialect. Statements with a shape of their own are kept as they come up."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._insert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
        self._changes: dict[tuple[frozenset[str], int | None], Prepared] = {}
        self._pages: dict[tuple[object, ...], Prepared] = {}

    @cached_property
    def add(self) -> Prepared:
        """Insert a record unless its id or its idempotency key is taken; gives the id if it was inserted."""
        return self._prepare(self._insert_file().on_conflict_do_nothing().returning(files.c.id))

    @cached_property
    def add_plainly(self) -> Prepared:
        """Insert a record."""
        return self._prepare(self._insert_file())

    @cached_property
    def get(self) -> Prepared:
        """One record by id."""
        return self._prepare(select(*FILE_COLUMNS).where(files.c.id == bindparam("by_id")))

    @cached_property
    def get_request(self) -> Prepared:
        """One record by its owner and idempotency key."""
        same = (files.c.created_by == bindparam("created_by"), files.c.idempotency_key == bindparam("idempotency_key"))
        return self._prepare(select(*FILE_COLUMNS).where(*same))

    @cached_property
    def get_key(self) -> Prepared:
        """The record that has a key."""
        return self._prepare(select(*FILE_COLUMNS).where(files.c.key == bindparam("key")))

    @cached_property
    def by_key(self) -> Prepared:
        """Up to `limit` records from the key `start` on, but for the key `after`."""
        ahead = (files.c.key >= bindparam("start"), files.c.key != bindparam("after"))
        return self._prepare(select(*FILE_COLUMNS).where(*ahead).order_by(files.c.key).limit(bindparam("limit")))

    @cached_property
    def remove(self) -> Prepared:
        """Delete one record; its parts go with it."""
        return self._prepare(delete(files).where(files.c.id == bindparam("by_id")))

    @cached_property
    def claim_trash(self) -> Prepared:
        """Mark up to `limit` records that were deleted before a moment as being purged; gives them in any order."""
        old = and_(files.c.deleted < bindparam("before"), files.c.purging.is_(None))
        oldest = select(files.c.id).where(old).order_by(files.c.deleted, files.c.id).limit(bindparam("limit"))
        # What was restored between the choice and the change is left out by comparing again.
        claim = update(files).where(files.c.id.in_(oldest), old).values(purging=bindparam("now"))
        return self._prepare(claim.returning(*FILE_COLUMNS))

    @cached_property
    def claim_due(self) -> Prepared:
        """Take uploads that are due in hand; gives them in any order. Those that another is claiming are left."""
        oldest = select(files.c.id).where(_DUE, _FREE).order_by(files.c.expires).limit(bindparam("limit"))
        # SQLite has one writer at a time, and no such words. A plain subquery PostgreSQL may run more than once.
        chosen = oldest.with_for_update(skip_locked=True).cte("chosen")
        claim = update(files).where(files.c.id.in_(select(chosen.c.id)), _DUE, _FREE).values(tended=bindparam("until"))
        return self._prepare(claim.returning(*FILE_COLUMNS))

    @cached_property
    def remove_ended(self) -> Prepared:
        """Delete old records of aborted and failed uploads; gives their ids."""
        old = select(files.c.id).where(_ENDED).limit(bindparam("limit")).with_for_update(skip_locked=True).cte("old")
        return self._prepare(delete(files).where(files.c.id.in_(select(old.c.id))).returning(files.c.id))

    @cached_property
    def count_due(self) -> Prepared:
        """How much is due, left at the store, in the trash for long, and ended long ago."""
        old_trash = and_(files.c.deleted < bindparam("deleted_before"), files.c.purging.is_(None))
        kinds = (and_(_DUE, _FREE), and_(_LEFT, _FREE), old_trash, _ENDED)
        counts = [select(func.count()).select_from(files).where(kind).scalar_subquery() for kind in kinds]
        return self._prepare(select(*counts))

    @cached_property
    def report_part(self) -> Prepared:
        """Insert or replace one reported part."""
        insert = self._insert(parts).values({each.name: bindparam(each.name) for each in parts.c})
        replaced = {each.name: insert.excluded[each.name] for each in _PART_COLUMNS[1:]}
        return self._prepare(insert.on_conflict_do_update(index_elements=list(parts.primary_key), set_=replaced))

    @cached_property
    def reported_parts(self) -> Prepared:
        """The reported parts of one file by number."""
        mine = parts.c.file_id == bindparam("by_id")
        return self._prepare(select(*_PART_COLUMNS).where(mine).order_by(parts.c.part_number))

    @cached_property
    def usage(self) -> Prepared:
        """What one owner uses: bytes, files, open uploads."""
        mine = usage.c.owner == bindparam("owner")
        return self._prepare(select(usage.c.bytes, usage.c.files, usage.c.open_uploads).where(mine))

    @cached_property
    def reclaimable(self) -> Prepared:
        """Files that ended and still count, of all owners."""
        return self._prepare(_reclaimable())

    @cached_property
    def reclaimable_of_owner(self) -> Prepared:
        """Files that ended and still count, of one owner."""
        return self._prepare(_reclaimable().where(files.c.created_by == bindparam("owner")))

    @cached_property
    def revision(self) -> Prepared:
        """The revision of the tables."""
        return self._prepare(select(_VERSION_COLUMN))

    def change(self, fields: Collection[str], *, when: Collection[UploadStatus] | None) -> Prepared:
        """Change columns of one record if its status is `when_0`, `when_1`, …; gives the record."""
        shape = (frozenset(fields), None if when is None else len(when))
        if shape not in self._changes:
            self._changes[shape] = self._prepare(_change(*shape))
        return self._changes[shape]

    def page(self, query: FileQuery, *, cursor: Cursor | None) -> Prepared:
        """The records that a query asks for, from its cursor on."""
        present = frozenset(name for name in (*_FILTERS, "search") if getattr(query, name) is not None)
        newer = None if cursor is None else cursor.newer
        shape = (present, query.deleted, newer)
        if shape not in self._pages:
            self._pages[shape] = self._prepare(_page(present, deleted=query.deleted, newer=newer))
        return self._pages[shape]

    def _insert_file(self) -> Any:
        return self._insert(files).values({each.name: bindparam(each.name) for each in files.c})

    def _prepare(self, statement: Any) -> Prepared:
        return Prepared(statement, dialect=self._dialect)


def _change(fields: frozenset[str], statuses: int | None) -> Any:
    # A change of nothing still compares: it sets a column to itself.
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(fields)} or {"modified": files.c.modified}
    statement = update(files).where(files.c.id == bindparam("by_id")).values(values).returning(*FILE_COLUMNS)
    if statuses is None:
        return statement
    if statuses == 0:
        return statement.where(false())
    return statement.where(files.c.upload_status.in_([bindparam(f"when_{index}") for index in range(statuses)]))


def _page(present: frozenset[str], *, deleted: bool, newer: bool | None) -> Select[Any]:
    statement = select(*FILE_COLUMNS).where(
        files.c.purging.is_(None), files.c.deleted.is_not(None) if deleted else files.c.deleted.is_(None)
    )
    for name in sorted(present - {"search"}):
        statement = statement.where(_FILTERS[name] == bindparam(name))
    if "search" in present:
        pattern: BindParameter[str] = bindparam("search")
        by_name = files.c.folded_name.like(pattern, escape=_ESCAPE)
        statement = statement.where(by_name | files.c.folded_file_name.like(pattern, escape=_ESCAPE))
    if newer is not None:
        statement = statement.where(_beyond(newer))
    order: list[Column[Any]] = [files.c.created, files.c.id]
    return statement.order_by(*(order if newer else [each.desc() for each in order])).limit(bindparam("limit"))


def _reclaimable() -> Select[Any]:
    return select(*FILE_COLUMNS).where(_LEFT).limit(bindparam("limit"))


def _beyond(newer: bool) -> ColumnElement[bool]:
    place = tuple_(files.c.created, files.c.id)
    cursor = tuple_(
        bindparam("after_created", type_=files.c.created.type), bindparam("after_id", type_=files.c.id.type)
    )
    return place > cursor if newer else place < cursor


def like_pattern(needle: str) -> str:
    """The LIKE pattern of texts that hold `needle`, taken literally."""
    for special in (_ESCAPE, "%", "_"):
        needle = needle.replace(special, _ESCAPE + special)
    return f"%{needle}%"
