"""The files, their reported parts, what every owner uses, what happened to files, and who was told of it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from partway.records.migrations import events_0001, usage_0001

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the triggers that keep two of them."""
    _create_files()
    _create_parts()
    _create_usage()
    _create_events()
    _create_deliveries()
    op.create_index("partway_files_by_owner", "partway_files", ["created_by", "created", "id"])
    op.create_index("partway_files_newest", "partway_files", ["created", "id"])
    op.create_index("partway_files_by_deadline", "partway_files", ["upload_status", "expires"])
    op.create_index("partway_files_one_key", "partway_files", ["key"], unique=True)
    _index_present("partway_files_one_request", ["created_by", "idempotency_key"], unique=True)
    _index_present("partway_files_by_parent", ["parent_content_type", "parent_object_id"], order=["created", "id"])
    _index_present("partway_files_by_fingerprint", ["created_by", "fingerprint"], order=["created", "id"])
    ended = sa.text("counted AND (upload_status IN ('aborted', 'failed') OR purging IS NOT NULL)")
    op.create_index(
        "partway_files_reclaimable", "partway_files", ["created_by"], sqlite_where=ended, postgresql_where=ended
    )
    _index_present("partway_files_trash", ["deleted"])
    _index_present("partway_files_untold", ["untold"])


def downgrade() -> None:
    """Drop all tables, with all records."""
    op.drop_table("partway_parts")
    op.drop_table("partway_files")
    for triggers in (usage_0001, events_0001):
        for statement in triggers.DROP.get(op.get_bind().dialect.name, ()):
            op.execute(sa.text(statement))
    op.drop_table("partway_usage")
    op.drop_table("partway_endpoints")
    op.drop_table("partway_deliveries")
    op.drop_table("partway_events")


def _create_files() -> None:
    op.create_table(
        "partway_files",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("key", sa.String(1024).with_variant(sa.String(1024, "C"), "postgresql"), nullable=False),
        sa.Column("token", sa.String(255), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("file_size", sa.BigInteger, nullable=False),
        sa.Column("file_content_type", sa.String(255), nullable=False),
        sa.Column("detected_content_type", sa.String(255)),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("is_public", sa.Boolean, nullable=False),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("created_by_name", sa.String(255), nullable=False),
        sa.Column("parent_content_type", sa.String(255)),
        sa.Column("parent_object_id", sa.String(255)),
        sa.Column("copied_from", sa.String(255)),
        sa.Column("upload_status", sa.String(16), nullable=False),
        sa.Column("upload_id", sa.Text),
        sa.Column("spares", sa.Boolean, nullable=False),
        sa.Column("single_put", sa.Boolean, nullable=False),
        sa.Column("part_size", sa.BigInteger, nullable=False),
        sa.Column("num_parts", sa.BigInteger, nullable=False),
        sa.Column("checksum_algorithm", sa.String(16)),
        sa.Column("fingerprint", sa.String(255)),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("failure", sa.String(255)),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.Column("counted", sa.Boolean, nullable=False),
        sa.Column("quota_bytes", sa.BigInteger),
        sa.Column("quota_uploads", sa.BigInteger),
        sa.Column("etag", sa.String(255)),
        sa.Column("checksum", sa.String(255)),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("modified", _TIME, nullable=False),
        sa.Column("expires", _TIME, nullable=False),
        sa.Column("completed", _TIME),
        sa.Column("deleted", _TIME),
        sa.Column("purging", _TIME),
        sa.Column("tended", _TIME),
        sa.Column("untold", _TIME),
        sa.Column("folded_name", sa.Text, nullable=False),
        sa.Column("folded_file_name", sa.Text, nullable=False),
    )


def _create_parts() -> None:
    op.create_table(
        "partway_parts",
        sa.Column(
            "file_id",
            sa.Uuid,
            sa.ForeignKey("partway_files.id", ondelete="CASCADE", name="partway_parts_file"),
            primary_key=True,
        ),
        sa.Column("part_number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("etag", sa.String(255), nullable=False),
        sa.Column("checksum", sa.String(255)),
        sa.Column("last_modified", _TIME),
    )


def _create_usage() -> None:
    op.create_table(
        "partway_usage",
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("open_uploads", sa.BigInteger, nullable=False),
    )
    for statement in usage_0001.CREATE[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def _create_events() -> None:
    op.create_table(
        "partway_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("position", sa.BigInteger),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("file_id", sa.Uuid, nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("created", _TIME, nullable=False),
    )
    unplaced = sa.text("position IS NULL")
    op.create_index(
        "partway_events_unplaced", "partway_events", ["id"], sqlite_where=unplaced, postgresql_where=unplaced
    )
    _index_present("partway_events_in_order", ["position"], table="partway_events", unique=True)
    _index_present("partway_events_of_file", ["file_id", "position"], table="partway_events")
    _index_present("partway_events_of_owner", ["owner", "position"], table="partway_events")
    for statement in events_0001.CREATE[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def _create_deliveries() -> None:
    op.create_table(
        "partway_endpoints",
        sa.Column("url", sa.String(2000), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("leased", _TIME, nullable=False),
        sa.Column("closed", _TIME),
    )
    op.create_table(
        "partway_deliveries",
        sa.Column(
            "event",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("partway_events.id", ondelete="CASCADE", name="partway_deliveries_event"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("url", sa.String(2000), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("file_id", sa.Uuid, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", _TIME),
        sa.Column("tried", _TIME),
        sa.Column("error", sa.String(255)),
    )
    op.create_index("partway_deliveries_of_file", "partway_deliveries", ["url", "file_id", "position"])
    _index_present("partway_deliveries_by_due", ["url", "due"], table="partway_deliveries")


def _index_present(
    name: str, columns: list[str], *, table: str = "partway_files", order: Sequence[str] = (), unique: bool = False
) -> None:
    present = sa.text(f"{columns[-1]} IS NOT NULL")
    op.create_index(name, table, [*columns, *order], unique=unique, sqlite_where=present, postgresql_where=present)
