"""Checks of the order of events: positions, pages, rivals, removal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from partway.contracts import expect
from partway.core.events import Event, EventRecords, EventType
from partway.core.file import File, UploadStatus
from partway.core.ports import BulkRecords
from partway.records.contract.bench import MOMENT, Bench, Deed
from partway.records.contract.event_bench import place_all, types_of

_ROUNDS = 12
_CHANGERS = 4
_PLACERS = 2


async def events_are_found_once_they_have_a_position(bench: Bench) -> None:
    """As many get one as are asked for; the highest is told, 0 when none waits."""
    records = bench.records
    if not isinstance(records, EventRecords):
        return
    await place_all(records)
    before = await records.last_position()
    for _ in range(3):
        await bench.add()
    expect(await types_of(bench) == [], "without a position an event is not found")
    expect(await records.place_events(limit=2) == before + 2, "the last position given is told")
    expect(len(await types_of(bench)) == 2, "two have a position now")
    expect(await records.place_events(limit=2) == before + 3, "then the others get theirs")
    expect(await records.place_events() == 0, "0 when none waits")
    expect(await records.last_position() == before + 3, "the highest position is known")


async def events_are_read_on_from_a_position(bench: Bench) -> None:
    """Of all, of one owner, of one file, some at a time."""
    records = bench.records
    if not isinstance(records, EventRecords):
        return
    await place_all(records)
    before = await records.last_position()
    first, other = await bench.add(), await bench.add(created_by=bench.stranger)
    for file in (first, other, await bench.add()):
        await records.change(file.id, upload_status=UploadStatus.UPLOADING)
    await place_all(records)
    everything = await records.events_after(before)
    expect(len(everything) == 6, "all are found behind a position", found=everything)
    of_owner = await records.events_after(before, owner=bench.owner)
    expect(of_owner == [each for each in everything if each.owner == bench.owner], "of one owner", found=of_owner)
    of_file = await records.events_after(0, file_id=first.id)
    expect(of_file == [each for each in everything if each.file_id == first.id], "of one file", found=of_file)
    stranger = await records.events_after(0, file_id=first.id, owner=bench.stranger)
    expect(stranger == [], "of one file, if it is the owner's", found=stranger)
    pages = [await records.events_after(before, limit=4), await records.events_after(before + 4, limit=4)]
    expect([*pages[0], *pages[1]] == everything, "some at a time, without gap or repetition", found=pages)


async def readers_miss_nothing_and_each_files_events_stay_in_order(bench: Bench) -> None:
    """Several change the same few files, two give positions, one reads on from where it was."""
    records = bench.records
    if not isinstance(records, EventRecords):
        return
    await place_all(records)
    start = await records.last_position()
    files = [await bench.add() for _ in range(3)]
    seen: list[Event] = []
    deeds: list[Deed] = [partial(_change, bench, files, changer) for changer in range(_CHANGERS)]
    deeds += [partial(_place, records)] * _PLACERS
    await bench.together([*deeds, partial(_read_on, records, start, seen)])
    await place_all(records)
    everything = await records.events_after(start, limit=10_000)
    late = await records.events_after(seen[-1].position if seen else start, limit=10_000)
    expect([*seen, *late] == everything, "who reads on sees each event once, in order", found=seen)
    for file in files:
        mine = [event.type for event in everything if event.file_id == file.id]
        turns = (EventType.DELETED, EventType.RESTORED)
        expected = [EventType.INITIATED, *(turns[number % 2] for number in range(len(mine) - 1))]
        expect(mine == expected, "of one file events stand in the order in which they happened", found=mine)
    expect(len(everything) > len(files), "something happened", found=everything)


async def old_events_go_but_for_the_last(bench: Bench) -> None:
    """Only those with a position, as many as asked for; positions go on."""
    records = bench.records
    if not isinstance(records, EventRecords):
        return
    await place_all(records)
    for _ in range(3):
        await bench.add()
    await place_all(records)
    last = await records.last_position()
    await bench.add()
    later = datetime.now(UTC) + timedelta(days=1)
    expect(await records.remove_events(MOMENT, limit=10_000) == 0, "younger ones stay")
    while await records.remove_events(later, limit=2):
        pass
    found = await records.events_after(0)
    expect([event.position for event in found] == [last], "the last with a position stays", found=found)
    await place_all(records)
    found = await records.events_after(0)
    expect([event.position for event in found] == [last, last + 1], "and positions go on", found=found)
    expect(await records.remove_events(later, limit=1) == 1, "it is told how many went")


async def _change(bench: Bench, files: Sequence[File], changer: int) -> None:
    """Put files into the trash and out of it; the even changers take all files in one transaction."""
    records = bench.records
    for number in range(_ROUNDS):
        deleted = MOMENT if (number + changer) % 2 else None
        if changer % 2 == 0 and isinstance(records, BulkRecords):
            await records.change_each({file.id: {"deleted": deleted} for file in files}, when=set(UploadStatus))
        else:
            for file in files:
                await records.change(file.id, deleted=deleted)


async def _place(records: EventRecords) -> None:
    for _ in range(4 * _ROUNDS):
        await records.place_events(limit=5)


async def _read_on(records: EventRecords, start: int, seen: list[Event]) -> None:
    for _ in range(4 * _ROUNDS):
        seen += await records.events_after(seen[-1].position if seen else start, limit=7)


CHECKS = (
    events_are_found_once_they_have_a_position,
    events_are_read_on_from_a_position,
    readers_miss_nothing_and_each_files_events_stay_in_order,
    old_events_go_but_for_the_last,
)
