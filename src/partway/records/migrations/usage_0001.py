"""The triggers of revision 0001: they keep `partway_usage` equal to the sums over `partway_files`.

Whoever writes to `partway_files`, in whatever way, cannot forget them. An insertion takes the owner's row of
`partway_usage` and so waits for its rivals: what is compared with the limits is exact.

PostgreSQL keeps changes and removals at the end of their transaction. Else one that changes several files would hold
the owner's row and wait for a file, while another holds that file and waits for the owner's row. Insertions need no
care: nobody waits for a file that nobody knows.
"""

# ruff: noqa: S608  (every text that is put together here is a constant)

from __future__ import annotations

from partway.records.limits import OVER_BYTES, OVER_STATE, OVER_UPLOADS

_COLUMNS = "created_by, file_size, upload_status, counted"


def _bytes(row: str) -> str:
    return f"(CASE WHEN {row}.counted THEN {row}.file_size ELSE 0 END)"


def _files(row: str) -> str:
    return f"(CASE WHEN {row}.counted THEN 1 ELSE 0 END)"


def _open(row: str) -> str:
    return f"(CASE WHEN {row}.upload_status IN ('pending', 'uploading', 'completing') THEN 1 ELSE 0 END)"


#: Whether a change concerns the sums: most do not, and then leave the owner's row alone.
_CHANGED = " OR ".join(
    [
        "OLD.created_by <> NEW.created_by",
        *(f"{of('OLD')} <> {of('NEW')}" for of in (_bytes, _files, _open)),
    ]
)


# --- SQLite -----------------------------------------------------------------------------------------------------------
# No upserts inside: a statement's own way with conflicts would take their place (https://sqlite.org/lang_createtrigger.html).

_SQLITE_ADD = f"""
    INSERT INTO partway_usage (owner, bytes, files, open_uploads)
        SELECT NEW.created_by, 0, 0, 0
        WHERE NOT EXISTS (SELECT 1 FROM partway_usage WHERE owner = NEW.created_by);
    UPDATE partway_usage SET bytes = bytes + {_bytes("NEW")}, files = files + {_files("NEW")},
        open_uploads = open_uploads + {_open("NEW")} WHERE owner = NEW.created_by;
    SELECT RAISE(ABORT, 'bytes out of range') FROM partway_usage
        WHERE owner = NEW.created_by AND typeof(bytes) <> 'integer';
"""
_SQLITE_TAKE = f"""
    UPDATE partway_usage SET bytes = bytes - {_bytes("OLD")}, files = files - {_files("OLD")},
        open_uploads = open_uploads - {_open("OLD")} WHERE owner = OLD.created_by;
"""
_SQLITE = (
    f"""
CREATE TRIGGER partway_usage_inserted AFTER INSERT ON partway_files BEGIN {_SQLITE_ADD}
    SELECT RAISE(ABORT, '{OVER_BYTES}') FROM partway_usage
        WHERE owner = NEW.created_by AND NEW.counted AND bytes > NEW.quota_bytes;
    SELECT RAISE(ABORT, '{OVER_UPLOADS}') FROM partway_usage
        WHERE owner = NEW.created_by AND {_open("NEW")} AND open_uploads > NEW.quota_uploads;
END""",
    f"""
CREATE TRIGGER partway_usage_updated AFTER UPDATE OF {_COLUMNS} ON partway_files
WHEN {_CHANGED} BEGIN {_SQLITE_TAKE} {_SQLITE_ADD} END""",
    f"CREATE TRIGGER partway_usage_deleted AFTER DELETE ON partway_files BEGIN {_SQLITE_TAKE} END",
)

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

_POSTGRES = (
    """
CREATE FUNCTION partway_usage_add(owner_id TEXT, more BIGINT, more_files BIGINT, more_open BIGINT)
RETURNS partway_usage LANGUAGE plpgsql AS $$
DECLARE kept partway_usage;
BEGIN
    INSERT INTO partway_usage AS u (owner, bytes, files, open_uploads)
        VALUES (owner_id, more, more_files, more_open)
        ON CONFLICT (owner) DO UPDATE SET bytes = u.bytes + more, files = u.files + more_files,
            open_uploads = u.open_uploads + more_open
        RETURNING u.* INTO kept;
    RETURN kept;
END $$""",
    f"""
CREATE FUNCTION partway_usage_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE kept partway_usage;
BEGIN
    kept := partway_usage_add(NEW.created_by, {_bytes("NEW")}, {_files("NEW")}, {_open("NEW")});
    IF NEW.counted AND kept.bytes > NEW.quota_bytes THEN
        RAISE EXCEPTION '{OVER_BYTES}' USING ERRCODE = '{OVER_STATE}';
    END IF;
    IF {_open("NEW")} = 1 AND kept.open_uploads > NEW.quota_uploads THEN
        RAISE EXCEPTION '{OVER_UPLOADS}' USING ERRCODE = '{OVER_STATE}';
    END IF;
    RETURN NULL;
END $$""",
    f"""
CREATE FUNCTION partway_usage_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.created_by = NEW.created_by THEN
        PERFORM partway_usage_add(NEW.created_by, {_bytes("NEW")} - {_bytes("OLD")},
            {_files("NEW")} - {_files("OLD")}, {_open("NEW")} - {_open("OLD")});
        RETURN NULL;
    END IF;
    PERFORM partway_usage_add(OLD.created_by, -{_bytes("OLD")}, -{_files("OLD")}, -{_open("OLD")});
    IF TG_OP = 'UPDATE' THEN
        PERFORM partway_usage_add(NEW.created_by, {_bytes("NEW")}, {_files("NEW")}, {_open("NEW")});
    END IF;
    RETURN NULL;
END $$""",
    """
CREATE TRIGGER partway_usage_inserted AFTER INSERT ON partway_files
FOR EACH ROW EXECUTE FUNCTION partway_usage_inserted()""",
    f"""
CREATE CONSTRAINT TRIGGER partway_usage_updated AFTER UPDATE OF {_COLUMNS} ON partway_files
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ({_CHANGED})
EXECUTE FUNCTION partway_usage_changed()""",
    """
CREATE CONSTRAINT TRIGGER partway_usage_deleted AFTER DELETE ON partway_files
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION partway_usage_changed()""",
)

#: Dialect → the statements that make the triggers.
CREATE = {"sqlite": _SQLITE, "postgresql": _POSTGRES}
#: Dialect → what is left when the files' table is gone: its triggers went with it.
DROP = {
    "postgresql": (
        "DROP FUNCTION partway_usage_inserted(), partway_usage_changed(), "
        "partway_usage_add(TEXT, BIGINT, BIGINT, BIGINT)",
    )
}
