"""What must be true once all trouble has ended and upkeep has run: records, store, usage and clients agree."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from partway.core.blocking import run_straight
from partway.core.ports import ListedObject
from partway.errors import ObjectGone
from tests.histories.clients import Told
from tests.histories.plan import Verb
from tests.histories.stack import Stack

_USAGE = """
SELECT created_by AS owner,
    SUM(CASE WHEN counted THEN file_size ELSE 0 END) AS bytes,
    SUM(CASE WHEN counted THEN 1 ELSE 0 END) AS files,
    SUM(CASE WHEN upload_status IN ('pending', 'uploading', 'completing') THEN 1 ELSE 0 END) AS open_uploads
FROM partway_files GROUP BY created_by
"""


def untruths(stack: Stack, contents: Mapping[str, bytes]) -> Iterator[str]:
    """What is wrong with records, store and usage; nothing: all is well.

    Args:
        contents: file's name → its bytes.
    """
    rows = {row["key"]: row for row in stack.rows("SELECT * FROM partway_files")}
    objects = {listed.key: listed for listed in _objects(stack)}
    for row in rows.values():
        yield from _of_record(row, objects.get(row["key"]))
    for key in objects:
        if key not in rows or rows[key]["upload_status"] != "completed":
            yield f"the object {key} has no finished record"
    yield from _of_contents(stack, rows, objects, contents)
    for upload in run_straight(stack.store.list_uploads("")).uploads:
        yield f"a multipart upload of {upload.key} is open"
    yield from _of_usage(stack)


def broken_promises(stack: Stack, files: Mapping[int, Told], *, forgotten: bool = False) -> Iterator[str]:
    """Where the records belie what clients were told.

    Args:
        forgotten: so much time has passed that trash and records of ended uploads were removed.
    """
    status = {str(id_of(row)): row for row in stack.rows("SELECT * FROM partway_files")}
    for number, told in files.items():
        for file_id in told.ids:
            asked = {verb for of, verb in told.asked if of == file_id}
            given = {verb for of, verb in told.told if of == file_id}
            if forgotten and file_id not in status and (Verb.HIDE in asked or Verb.COMPLETE not in given):
                continue
            yield from (f"file {number}: {what}" for what in _of_promises(status.get(file_id), asked, given))
        removed = {of for of, verb in told.asked if verb is Verb.REMOVE}
        if told.key and len(told.ids - removed) > 1 and not forgotten:
            yield f"file {number}: one Idempotency-Key gave several files: {told.ids}"


def nothing_left(stack: Stack) -> Iterator[str]:
    """What is still there when everything was deleted and forgotten."""
    yield from (f"a record is left: {row['key']}" for row in stack.rows("SELECT key FROM partway_files"))
    yield from (f"an object is left: {listed.key}" for listed in _objects(stack))
    yield from (f"usage is left: {row}" for row in stack.rows("SELECT * FROM partway_usage") if _uses(row))


def id_of(row: Mapping[str, Any]) -> UUID:
    """A row's id, which SQLite keeps as a text."""
    return row["id"] if isinstance(row["id"], UUID) else UUID(row["id"])


def _of_record(row: Mapping[str, Any], listed: ListedObject | None) -> Iterator[str]:
    what = f"the record {row['key']} ({row['upload_status']})"
    if row["purging"] is not None:
        yield f"{what} is still being removed"
    if row["upload_status"] == "failed":
        yield f"{what} has failed, though nobody sent wrong bytes: {row['failure']}"
    elif row["upload_status"] == "completed":
        if listed is None:
            yield f"{what} has no object"
        elif listed.size != row["file_size"]:
            yield f"{what} has {row['file_size']} bytes, its object {listed.size}"
        elif listed.etag != row["etag"]:
            yield f"{what} has the ETag {row['etag']}, its object {listed.etag}"
    elif row["upload_status"] != "aborted":
        yield f"{what} is left unfinished"
    elif not row["settled"] or row["counted"]:
        yield f"{what} is not settled"


def _of_contents(
    stack: Stack, rows: Mapping[str, Any], objects: Mapping[str, ListedObject], contents: Mapping[str, bytes]
) -> Iterator[str]:
    for key in rows.keys() & objects.keys():
        row = rows[key]
        try:
            held = run_straight(_read(stack, key))
        except ObjectGone:
            yield f"the object {key} is listed, and cannot be read"
            continue
        if held != contents[row["file_name"]]:
            yield f"the object {key} has other bytes than were sent"
        if row["checksum"] and row["checksum"] != _checksum(row["checksum"], held):
            yield f"the record {key} has the checksum {row['checksum']}, its object another"


def _of_usage(stack: Stack) -> Iterator[str]:
    """Where `partway_usage` is not the sum over the records."""
    sums = {row["owner"]: {**row, "bytes": int(row["bytes"])} for row in stack.rows(_USAGE)}
    for row in stack.rows("SELECT owner, bytes, files, open_uploads FROM partway_usage"):
        summed = sums.pop(row["owner"], {"owner": row["owner"], "bytes": 0, "files": 0, "open_uploads": 0})
        if row != summed:
            yield f"usage says {row}, the records sum up to {summed}"
    yield from (f"usage knows nothing of {owner}" for owner in sums)


def _of_promises(row: Mapping[str, Any] | None, asked: set[Verb], told: set[Verb]) -> Iterator[str]:
    if Verb.REMOVE in told and row is not None:
        yield "it was removed for good, and there is a record"
    if Verb.ABORT in told and row is not None and row["upload_status"] == "completed":
        yield "it was aborted, and is complete"
    if Verb.COMPLETE in told and Verb.REMOVE not in asked:
        if row is None or row["upload_status"] != "completed":
            yield f"it was complete, and is {row and row['upload_status']}"
        elif Verb.HIDE not in asked and row["deleted"] is not None:
            yield "it was complete, and is in the trash"
    if Verb.HIDE in told and Verb.RESTORE not in asked and row is not None and row["deleted"] is None:
        yield "it was put into the trash, and is not there"


def _objects(stack: Stack) -> Iterator[ListedObject]:
    cursor: str | None = None
    while True:
        page = run_straight(stack.store.list_objects("", cursor=cursor))
        yield from page.objects
        cursor = page.next
        if cursor is None:
            return


async def _read(stack: Stack, key: str) -> bytes:
    stream = await stack.store.read(key)
    return b"".join([chunk async for chunk in stream.chunks])


def _checksum(like: str, content: bytes) -> str:
    algorithm = like.partition(":")[0]
    assert algorithm == "crc32"
    return f"crc32:{base64.b64encode(zlib.crc32(content).to_bytes(4, 'big')).decode()}"


def _uses(row: Mapping[str, Any]) -> bool:
    return any(row[name] for name in ("bytes", "files", "open_uploads"))
