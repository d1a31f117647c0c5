"""The triggers of revision 0001 that write `partway_events`: what happens to a file is told, whoever writes.

The number of insertion (`id`) is taken while the file's row is locked, so that of each file the numbers grow in the
order in which its changes are committed. Of different files they do not: readers go by `position`, which is given to
what is committed.
"""

# ruff: noqa: S608  (every text that is put together here is a constant)

from __future__ import annotations

#: What an event tells of its file in plain columns: name → column.
_TOLD = {
    "file_name": "file_name",
    "name": "name",
    "file_size": "file_size",
    "file_content_type": "file_content_type",
    "detected_content_type": "detected_content_type",
    "s3_key": "key",
    "upload_status": "upload_status",
    "failure": "failure",
    "etag": "etag",
    "checksum": "checksum",
    "parent_content_type": "parent_content_type",
    "parent_object_id": "parent_object_id",
}
_COLUMNS = "upload_status, deleted"
# Nothing goes back to pending but by hand, and that is no event.
_STATUS_CHANGED = "OLD.upload_status <> NEW.upload_status AND NEW.upload_status <> 'pending'"
_TRASH_CHANGED = "(OLD.deleted IS NULL) <> (NEW.deleted IS NULL)"
_TRASH_EVENT = "CASE WHEN NEW.deleted IS NULL THEN 'file.restored' ELSE 'file.deleted' END"


def _pairs(row: str) -> str:
    return ", ".join(f"'{name}', {row}.{column}" for name, column in _TOLD.items())


# --- SQLite -----------------------------------------------------------------------------------------------------------

# A random UUID (RFC 9562, section 5.4) as the column keeps it.
_SQLITE_UUID = (
    "lower(hex(randomblob(6))) || '4' || substr(lower(hex(randomblob(2))), 2) || "
    "substr('89ab', 1 + (random() & 3), 1) || substr(lower(hex(randomblob(8))), 2)"
)
_SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'"


def _sqlite_note(what: str, row: str, *, when: str = "true") -> str:
    return f"""
    INSERT INTO partway_events (event_id, file_id, owner, type, created, data)
        SELECT {_SQLITE_UUID}, {row}.id, {row}.created_by, {what}, {_SQLITE_NOW},
            json_object({_pairs(row)}, 'is_public', json(iif({row}.is_public, 'true', 'false')),
                'metadata', json({row}.metadata), 'deleted', replace({row}.deleted, ' ', 'T') || 'Z')
        WHERE {when};
"""


_SQLITE = (
    f"""
CREATE TRIGGER partway_events_inserted AFTER INSERT ON partway_files
BEGIN {_sqlite_note("'upload.initiated'", "NEW")} END""",
    f"""
CREATE TRIGGER partway_events_updated AFTER UPDATE OF {_COLUMNS} ON partway_files
WHEN {_STATUS_CHANGED} OR {_TRASH_CHANGED}
BEGIN
{_sqlite_note("'upload.' || NEW.upload_status", "NEW", when=_STATUS_CHANGED)}
{_sqlite_note(_TRASH_EVENT, "NEW", when=_TRASH_CHANGED)}
END""",
    f"""
CREATE TRIGGER partway_events_deleted AFTER DELETE ON partway_files
BEGIN {_sqlite_note("'file.removed'", "OLD")} END""",
)

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

_PLACING_LOCK = 0x706172747761790E  #: any 64-bit number of our own


def _postgres_note(what: str, row: str) -> str:
    return f"""
    INSERT INTO partway_events (event_id, file_id, owner, type, created, data) VALUES (
        gen_random_uuid(), {row}.id, {row}.created_by, {what}, clock_timestamp(),
        json_build_object({_pairs(row)}, 'is_public', {row}.is_public, 'metadata', {row}.metadata,
            'deleted', to_char({row}.deleted AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
"""


_POSTGRES = (
    f"""
CREATE FUNCTION partway_events_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_postgres_note("'upload.initiated'", "NEW")}
    RETURN NULL;
END $$""",
    f"""
CREATE FUNCTION partway_events_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {_STATUS_CHANGED} THEN
        {_postgres_note("'upload.' || NEW.upload_status", "NEW")}
    END IF;
    IF {_TRASH_CHANGED} THEN
        {_postgres_note(_TRASH_EVENT, "NEW")}
    END IF;
    RETURN NULL;
END $$""",
    f"""
CREATE FUNCTION partway_events_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_postgres_note("'file.removed'", "OLD")}
    RETURN NULL;
END $$""",
    """
CREATE TRIGGER partway_events_inserted AFTER INSERT ON partway_files
FOR EACH ROW EXECUTE FUNCTION partway_events_inserted()""",
    f"""
CREATE TRIGGER partway_events_updated AFTER UPDATE OF {_COLUMNS} ON partway_files
FOR EACH ROW WHEN ({_STATUS_CHANGED} OR {_TRASH_CHANGED}) EXECUTE FUNCTION partway_events_updated()""",
    """
CREATE TRIGGER partway_events_deleted AFTER DELETE ON partway_files
FOR EACH ROW EXECUTE FUNCTION partway_events_deleted()""",
    # A function, since each statement in one sees what was committed before that statement. One that took the lock
    # itself could have begun before the last holder's positions were committed.
    f"""
CREATE FUNCTION partway_place_events(most BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    highest BIGINT;
    placed BIGINT;
BEGIN
    IF NOT pg_try_advisory_xact_lock({_PLACING_LOCK}) THEN
        RETURN 0;
    END IF;
    SELECT coalesce(max(position), 0) INTO highest FROM partway_events;
    WITH waiting AS (SELECT id FROM partway_events WHERE position IS NULL ORDER BY id LIMIT most),
    numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS number FROM waiting)
    UPDATE partway_events AS event SET position = highest + numbered.number
        FROM numbered WHERE event.id = numbered.id;
    GET DIAGNOSTICS placed = ROW_COUNT;
    RETURN CASE WHEN placed > 0 THEN highest + placed ELSE 0 END;
END $$""",
)

#: Dialect → the statements that make the triggers, and what gives positions.
CREATE = {"sqlite": _SQLITE, "postgresql": _POSTGRES}
#: Dialect → what is left when the files' table is gone: its triggers went with it.
DROP = {
    "postgresql": (
        "DROP FUNCTION partway_events_inserted(), partway_events_updated(), partway_events_deleted(), "
        "partway_place_events(BIGINT)",
    )
}
