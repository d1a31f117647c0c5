"""Checks of the optional powers: many records at once, and the probe."""

from __future__ import annotations

from functools import partial

from partway.contracts import expect, expect_error
from partway.core.file import UploadStatus, new_file_id
from partway.core.ports import BulkRecords, Checkable
from partway.errors import Conflict, InvalidInput
from partway.records.contract.bench import Bench

_MANY = 300


async def many_are_added_and_found(bench: Bench) -> None:
    """All come back, but for those of other owners and those that are not there."""
    records = bench.records
    if not isinstance(records, BulkRecords):
        return
    files = [bench.file() for _ in range(_MANY)]
    foreign = bench.file(created_by=bench.stranger)
    await records.add_all([*files, foreign])
    await records.add_all([])
    ids = [file.id for file in files]
    found = await records.get_all([*ids, foreign.id, new_file_id(), ids[0]], owner=bench.owner)
    expect(sorted(file.id for file in found) == sorted(ids), "every record of the owner is found once")
    expect(found[0] == files[ids.index(found[0].id)], "records come back whole", found=found[0])
    expect(len(await records.get_all([ids[0], foreign.id])) == 2, "without an owner every owner's are found")
    expect(await records.get_all([]) == [], "of none asked none is found")


async def many_are_added_all_or_none(bench: Bench) -> None:
    """One that cannot be added keeps the others out."""
    records = bench.records
    if not isinstance(records, BulkRecords):
        return
    taken = await bench.add()
    fresh = bench.file()
    await expect_error(Conflict, records.add_all([fresh, taken]), "an id that is taken is a Conflict")
    await expect_error(Conflict, records.add_all([fresh, fresh]), "an id given twice is a Conflict")
    await expect_error(InvalidInput, records.add_all([fresh, bench.file(name="\0")]), "a NUL is InvalidInput")
    expect(await bench.records.get(fresh.id) is None, "none of a refused set was added")


async def many_are_changed(bench: Bench) -> None:
    """Each with its own values, if its status is one of `when`."""
    records = bench.records
    if not isinstance(records, BulkRecords):
        return
    files = [await bench.add() for _ in range(3)]
    other = await bench.add(upload_status=UploadStatus.ABORTED)
    changes = {file.id: {"etag": f"etag {file.id}", "name": f"NAME {file.id}"} for file in (*files, other)}
    changed = await records.change_each(
        changes | {new_file_id(): {"etag": "x", "name": "x"}}, when=[files[0].upload_status]
    )
    expected = {file.id: file.evolve(**changes[file.id]) for file in files}
    expect({file.id: file for file in changed} == expected, "those in the right status are changed", found=changed)
    expect(await bench.get(other) == other, "another status stays")
    expect(await records.change_each({}, when=[UploadStatus.PENDING]) == [], "of none changed none is given")


async def of_rivals_over_many_each_is_won_once(bench: Bench) -> None:
    """Concurrent changes of the same records: each record has one winner."""
    records = bench.records
    if not isinstance(records, BulkRecords):
        return
    files = [await bench.add() for _ in range(20)]
    change = partial(records.change_each, when=[UploadStatus.PENDING])
    fields = {"upload_status": UploadStatus.COMPLETED}
    orders = (files, files[::-1], files[10:] + files[:10])
    outcomes = await bench.together([partial(change, {file.id: fields for file in order}) for order in orders])
    won = sorted(file.id for outcome in outcomes for file in outcome)
    expect(won == sorted(file.id for file in files), "every record was changed by exactly one rival", found=len(won))


async def the_probe_passes(bench: Bench) -> None:
    """A database that answers and has the right tables is fine."""
    if isinstance(bench.records, Checkable):
        await bench.records.check()


CHECKS = (
    many_are_added_and_found,
    many_are_added_all_or_none,
    many_are_changed,
    of_rivals_over_many_each_is_won_once,
    the_probe_passes,
)
