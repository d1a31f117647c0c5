"""Checks of what ends records: many removed at once, and the claim on old trash."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from partway.contracts import expect
from partway.core.file import File, new_file_id
from partway.core.parts import StoredPart
from partway.core.ports import BulkRecords, TrashRecords
from partway.records.contract.bench import MOMENT, Bench

_LONG_AGO = MOMENT - timedelta(days=20_000)  # before whatever else lies in a shared database
_DAY = timedelta(days=1)


async def many_are_removed(bench: Bench) -> None:
    """With their parts, and whether or not they are there; others stay."""
    records = bench.records
    if not isinstance(records, BulkRecords):
        return
    files = [await bench.add() for _ in range(5)]
    kept = await bench.add()
    await records.report_parts(files[0].id, [StoredPart(part_number=1, size=5, etag="aa")])
    await records.remove_all([*(file.id for file in files), files[0].id, new_file_id()])
    await records.remove_all([])
    found = [await bench.records.get(file.id) for file in files]
    expect(found == [None] * 5, "all are removed", found=found)
    expect(await bench.records.reported_parts(files[0].id) == [], "and their parts with them")
    expect(await bench.get(kept) == kept, "another record stays")


async def old_trash_is_claimed(bench: Bench) -> None:
    """The oldest first, no more than asked for, marked as purging; none twice."""
    records = bench.records
    if not isinstance(records, TrashRecords):
        return
    oldest = await bench.add(deleted=_LONG_AGO)
    marked = await bench.add(deleted=_LONG_AGO, purging=MOMENT - _DAY)
    second = await bench.add(deleted=_LONG_AGO + _DAY)
    third = await bench.add(deleted=_LONG_AGO + 2 * _DAY)
    younger, present = await bench.add(deleted=_LONG_AGO + 3 * _DAY), await bench.add()
    before = _LONG_AGO + 3 * _DAY
    first = await records.claim_trash(before, now=MOMENT, limit=2)
    expected = [oldest.evolve(purging=MOMENT), second.evolve(purging=MOMENT)]
    expect(first == expected, "the two oldest are claimed, in order", found=first)
    expect(await bench.get(oldest) == first[0], "the mark is kept", found=first)
    expect(await bench.get(third) == third, "no more than the limit are marked")
    rest = await records.claim_trash(before, now=MOMENT + _DAY, limit=10)
    expect(rest == [third.evolve(purging=MOMENT + _DAY)], "what was claimed before is not claimed again", found=rest)
    for file in (marked, younger, present):
        expect(await bench.get(file) == file, "what is younger, not deleted or being purged is left alone")
    await _clear(bench, [oldest, marked, second, third, younger])


async def what_is_restored_is_not_claimed(bench: Bench) -> None:
    """Of a claim and a restoration of the same record one comes first, and the other sees it."""
    records = bench.records
    if not isinstance(records, TrashRecords):
        return
    files = [await bench.add(deleted=_LONG_AGO) for _ in range(10)]
    restorations = [partial(bench.records.change, file.id, deleted=None) for file in files]
    claim = partial(records.claim_trash, _LONG_AGO + _DAY, now=MOMENT, limit=10)
    *restored, claimed = await bench.together([*restorations, claim])
    claimed_ids = {file.id for file in claimed}
    for file in restored:
        expect(
            (file.purging is not None) == (file.id in claimed_ids),
            "a restoration shows the mark of a claim that came first, and only then",
            found=file,
        )
    await _clear(bench, files)


async def _clear(bench: Bench, files: list[File]) -> None:
    for file in files:
        await bench.records.remove(file.id)


CHECKS = (many_are_removed, old_trash_is_claimed, what_is_restored_is_not_claimed)
