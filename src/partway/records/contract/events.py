"""Checks of events: every change of state leaves one, nothing else does."""

from __future__ import annotations

import contextlib
from datetime import UTC, timedelta
from typing import Any

from partway.contracts import expect
from partway.core.events import EventRecords, EventType
from partway.core.file import File, UploadStatus
from partway.core.parts import StoredPart
from partway.core.ports import BulkRecords
from partway.errors import Conflict, QuotaExceeded
from partway.records.contract.bench import MOMENT, Bench
from partway.records.contract.event_bench import place_all, types_of

_LIFE: tuple[tuple[EventType, dict[str, Any]], ...] = (
    (EventType.UPLOADING, {"upload_status": UploadStatus.UPLOADING}),
    (EventType.COMPLETING, {"upload_status": UploadStatus.COMPLETING}),
    (EventType.UPLOADING, {"upload_status": UploadStatus.UPLOADING}),
    (EventType.COMPLETED, {"upload_status": UploadStatus.COMPLETED, "etag": "e-1", "checksum": "crc32:AAAA"}),
    (EventType.DELETED, {"deleted": MOMENT, "name": "gone"}),
    (EventType.RESTORED, {"deleted": None}),
)


async def every_change_of_state_leaves_an_event(bench: Bench) -> None:
    """From the beginning to the removal, in order, with the file as it was at each."""
    records = bench.records
    if not isinstance(records, EventRecords):
        return
    file = await bench.add(metadata={"for": ["né\u2028", 1, 0.5, None, {"x": '"\\'}]}, is_public=True)
    told = [_told(file)]
    for _, fields in _LIFE:
        file = file.evolve(**fields)
        await records.change(file.id, **fields)
        told.append(_told(file))
    await records.remove(file.id)
    await place_all(records)
    events = await records.events_after(0, file_id=file.id)
    expected = [EventType.INITIATED, *(what for what, _ in _LIFE), EventType.REMOVED]
    expect([event.type for event in events] == expected, "each change leaves its event, in order", found=events)
    expect([event.data for event in events] == [*told, told[-1]], "with the file at that moment", found=events)
    expect({(event.file_id, event.owner) for event in events} == {(file.id, bench.owner)}, "of that file and owner")
    expect(len({event.id for event in events}) == len(events), "each has an id of its own", found=events)
    positions = [event.position for event in events]
    expect(positions == sorted(set(positions)), "positions grow", found=positions)
    expect(all(event.created.tzinfo is UTC for event in events), "moments are in UTC", found=events[0])


async def an_upload_that_ends_badly_leaves_its_event(bench: Bench) -> None:
    """Aborted and failed, and why."""
    records = bench.records
    if not isinstance(records, EventRecords):
        return
    for status, failure in ((UploadStatus.ABORTED, None), (UploadStatus.FAILED, "size_differs")):
        file = await bench.add()
        await records.change(file.id, upload_status=status, failure=failure, deleted=MOMENT)
        await place_all(records)
        events = await records.events_after(0, file_id=file.id)
        both = [EventType.INITIATED, EventType(f"upload.{status}"), EventType.DELETED]
        expect([event.type for event in events] == both, "of two changes at once the status comes first", found=events)
        expect(events[1].data["failure"] == failure, "the event says why", found=events[1])


async def other_changes_leave_no_event(bench: Bench) -> None:
    """Names, claims, deadlines, parts, a status or a deletion set again."""
    records = bench.records
    if not isinstance(records, EventRecords):
        return
    file = await bench.add(upload_status=UploadStatus.UPLOADING, deleted=MOMENT, idempotency_key="k")
    await records.change(file.id, name="new", expires=MOMENT, tended=MOMENT, purging=MOMENT, metadata={})
    await records.change(file.id, upload_status=UploadStatus.UPLOADING, deleted=MOMENT + timedelta(days=1))
    await records.change(file.id, when={UploadStatus.PENDING}, upload_status=UploadStatus.ABORTED)
    await records.report_parts(file.id, [StoredPart(part_number=1, size=1, etag="e")])
    await bench.add(idempotency_key="k")
    await place_all(records)
    found = await types_of(bench)
    expect(found == [EventType.INITIATED], "only the beginning left an event", found=found)


async def what_is_refused_leaves_no_event(bench: Bench) -> None:
    """A record over its quota, one that is there, and all that were to be added with it."""
    records = bench.records
    if not isinstance(records, EventRecords):
        return
    file = await bench.add()
    with contextlib.suppress(QuotaExceeded):
        await bench.add(quota_bytes=1)
    with contextlib.suppress(Conflict):
        await records.add(bench.file(id=file.id))
    if isinstance(records, BulkRecords):
        with contextlib.suppress(Conflict):
            await records.add_all([bench.file(), file])
        with contextlib.suppress(QuotaExceeded):
            await records.add_all([bench.file(), bench.file(quota_bytes=1)])
    await place_all(records)
    found = await types_of(bench)
    expect(found == [EventType.INITIATED], "what was undone left no event", found=found)


async def many_at_once_leave_an_event_each(bench: Bench) -> None:
    """The verbs for many files, too."""
    records = bench.records
    if not (isinstance(records, EventRecords) and isinstance(records, BulkRecords)):
        return
    files = [bench.file(upload_status=UploadStatus.UPLOADING) for _ in range(3)]
    await records.add_all(files)
    done = {"upload_status": UploadStatus.COMPLETED}
    await records.change_each({file.id: done for file in files[:2]}, when={UploadStatus.UPLOADING})
    await records.remove_all([file.id for file in files[1:]])
    await place_all(records)
    expected = [
        [EventType.INITIATED, EventType.COMPLETED],
        [EventType.INITIATED, EventType.COMPLETED, EventType.REMOVED],
        [EventType.INITIATED, EventType.REMOVED],
    ]
    found = [[event.type for event in await records.events_after(0, file_id=file.id)] for file in files]
    expect(found == expected, "each file has its events", found=found)


def _told(file: File) -> dict[str, Any]:
    same = ("file_name", "name", "file_size", "file_content_type", "detected_content_type", "upload_status", "failure")
    more = ("etag", "checksum", "is_public", "parent_content_type", "parent_object_id", "metadata")
    deleted = "2026-03-04T05:06:07.089012Z" if file.deleted == MOMENT else None
    return {name: getattr(file, name) for name in (*same, *more)} | {"s3_key": file.key, "deleted": deleted}


CHECKS = (
    every_change_of_state_leaves_an_event,
    an_upload_that_ends_badly_leaves_its_event,
    other_changes_leave_no_event,
    what_is_refused_leaves_no_event,
    many_at_once_leave_an_event_each,
)
