"""The tables as SQLAlchemy Core knows them. The migrations beside this file make exactly these."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from partway.core.webhooks import MAX_ERROR_LENGTH, MAX_URL_LENGTH
from partway.records.values import ENUM_LENGTH, EVENT_TYPE_LENGTH, FIELDS, TEXT_LENGTHS

VERSION_TABLE = "partway_version"  #: holds the revision of the tables
HEAD = "0001"  #: the revision that this code works with


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC with microseconds; in SQLite a text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring the time into UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _text(field: str) -> TypeEngine[Any]:
    length = TEXT_LENGTHS[field]
    return String(length) if length else Text()


def _index_of_present(name: str, *columns: str, order: tuple[str, ...] = (), unique: bool = False) -> Index:
    """An index of the rows whose last column has a value: most have none, and then cost nothing."""
    present = text(f"{columns[-1]} IS NOT NULL")
    return Index(name, *columns, *order, unique=unique, sqlite_where=present, postgresql_where=present)


_ORDER = ("created", "id")  #: of listings

#: Files that ended and still count: the index and the statement must say it in the same words.
RECLAIMABLE = text("counted AND (upload_status IN ('aborted', 'failed') OR purging IS NOT NULL)")

#: Events without a position: the index and the statement must say it in the same words.
UNPLACED = text("position IS NULL")

metadata = MetaData()

files = Table(
    "partway_files",
    metadata,
    Column("id", Uuid, primary_key=True),
    # By its bytes, as stores list: SQLite does so anyway, PostgreSQL else by the database's language.
    Column(
        "key", String(TEXT_LENGTHS["key"]).with_variant(String(TEXT_LENGTHS["key"], "C"), "postgresql"), nullable=False
    ),
    Column("token", _text("token"), nullable=False),
    Column("file_name", _text("file_name"), nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("file_content_type", _text("file_content_type"), nullable=False),
    Column("detected_content_type", _text("detected_content_type")),
    Column("name", _text("name"), nullable=False),
    Column("description", _text("description"), nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("created_by", _text("created_by"), nullable=False),
    Column("created_by_name", _text("created_by_name"), nullable=False),
    Column("parent_content_type", _text("parent_content_type")),
    Column("parent_object_id", _text("parent_object_id")),
    Column("copied_from", _text("copied_from")),
    Column("upload_status", String(ENUM_LENGTH), nullable=False),
    Column("upload_id", _text("upload_id")),
    Column("spares", Boolean, nullable=False),
    Column("single_put", Boolean, nullable=False),
    Column("part_size", BigInteger, nullable=False),
    Column("num_parts", BigInteger, nullable=False),
    Column("checksum_algorithm", String(ENUM_LENGTH)),
    Column("fingerprint", _text("fingerprint")),
    Column("idempotency_key", _text("idempotency_key")),
    Column("failure", _text("failure")),
    Column("settled", Boolean, nullable=False),
    Column("counted", Boolean, nullable=False),
    Column("quota_bytes", BigInteger),
    Column("quota_uploads", BigInteger),
    Column("etag", _text("etag")),
    Column("checksum", _text("checksum")),
    Column("created", UtcDateTime, nullable=False),
    Column("modified", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("completed", UtcDateTime),
    Column("deleted", UtcDateTime),
    Column("purging", UtcDateTime),
    Column("tended", UtcDateTime),
    Column("untold", UtcDateTime),
    # What a search compares: databases fold case differently, so we do it (partway.records.values.folded).
    Column("folded_name", Text, nullable=False),
    Column("folded_file_name", Text, nullable=False),
    Index("partway_files_by_owner", "created_by", "created", "id"),
    Index("partway_files_newest", "created", "id"),
    Index("partway_files_by_deadline", "upload_status", "expires"),
    Index("partway_files_one_key", "key", unique=True),
    _index_of_present("partway_files_one_request", "created_by", "idempotency_key", unique=True),
    _index_of_present("partway_files_by_parent", "parent_content_type", "parent_object_id", order=_ORDER),
    _index_of_present("partway_files_by_fingerprint", "created_by", "fingerprint", order=_ORDER),
    Index("partway_files_reclaimable", "created_by", sqlite_where=RECLAIMABLE, postgresql_where=RECLAIMABLE),
    _index_of_present("partway_files_trash", "deleted"),
    _index_of_present("partway_files_untold", "untold"),
)

#: What every owner uses: the sums over `partway_files` that triggers keep, made by the migration.
usage = Table(
    "partway_usage",
    metadata,
    Column("owner", _text("created_by"), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("open_uploads", BigInteger, nullable=False),
)

parts = Table(
    "partway_parts",
    metadata,
    Column("file_id", Uuid, ForeignKey(files.c.id, ondelete="CASCADE", name="partway_parts_file"), primary_key=True),
    Column("part_number", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", String(TEXT_LENGTHS["etag"]), nullable=False),
    Column("checksum", String(TEXT_LENGTHS["checksum"])),
    Column("last_modified", UtcDateTime),
)

#: What happened to files: triggers write it, made by the migration. Only events that have a position are looked for.
events = Table(
    "partway_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("position", BigInteger),
    Column("event_id", Uuid, nullable=False),
    Column("file_id", Uuid, nullable=False),  # the event outlives its file
    Column("owner", _text("created_by"), nullable=False),
    Column("type", String(EVENT_TYPE_LENGTH), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Index("partway_events_unplaced", "id", sqlite_where=UNPLACED, postgresql_where=UNPLACED),
    _index_of_present("partway_events_in_order", "position", unique=True),
    _index_of_present("partway_events_of_file", "file_id", "position"),
    _index_of_present("partway_events_of_owner", "owner", "position"),
)

#: Who is told of events, and how far they are.
endpoints = Table(
    "partway_endpoints",
    metadata,
    Column("url", String(MAX_URL_LENGTH), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("leased", UtcDateTime, nullable=False),
    Column("closed", UtcDateTime),
)

#: Events that an endpoint could not be told of, and those that wait behind them. They are dead if they are never due.
deliveries = Table(
    "partway_deliveries",
    metadata,
    Column(
        "event",
        ForeignKey(events.c.id, ondelete="CASCADE", name="partway_deliveries_event"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("url", String(MAX_URL_LENGTH), primary_key=True),
    Column("position", BigInteger, nullable=False),  # the event's
    Column("file_id", Uuid, nullable=False),  # the event's
    Column("attempts", Integer, nullable=False),
    Column("due", UtcDateTime),
    Column("tried", UtcDateTime),
    Column("error", String(MAX_ERROR_LENGTH)),
    Index("partway_deliveries_of_file", "url", "file_id", "position"),
    _index_of_present("partway_deliveries_by_due", "url", "due"),
)

#: The columns of a record, in the order of its fields.
FILE_COLUMNS = tuple(files.c[field] for field in FIELDS)
