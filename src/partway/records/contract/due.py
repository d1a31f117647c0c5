"""Checks of what upkeep asks of records: claims on uploads that are due, and old records that go."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from partway.contracts import expect
from partway.core.file import File, UploadStatus
from partway.core.ports import Due, UpkeepRecords
from partway.records.contract.bench import MOMENT, Bench

_LONG_AGO = MOMENT - timedelta(days=20_000)  # before whatever else lies in a shared database
_MINUTE = timedelta(minutes=1)


async def due_uploads_are_claimed_once(bench: Bench) -> None:
    """Open ones past their deadline, the longest due first, stuck completions, and finished files that nobody was told
    of; none twice while it is in hand.
    """
    records = bench.records
    if not isinstance(records, UpkeepRecords):
        return
    due = [
        await bench.add(upload_status=status, expires=_LONG_AGO + number * _MINUTE)
        for number, status in enumerate((UploadStatus.UPLOADING, UploadStatus.PENDING, UploadStatus.COMPLETING))
    ]
    stuck = await bench.add(upload_status=UploadStatus.COMPLETING, modified=_LONG_AGO, expires=MOMENT)
    untold = await bench.add(upload_status=UploadStatus.COMPLETED, untold=_LONG_AGO, expires=MOMENT)
    told = await bench.add(upload_status=UploadStatus.COMPLETED, expires=_LONG_AGO)
    being_told = await bench.add(upload_status=UploadStatus.COMPLETED, untold=_LONG_AGO + _MINUTE, expires=_LONG_AGO)
    young = await bench.add(upload_status=UploadStatus.UPLOADING, expires=MOMENT)
    dead = await bench.add(upload_status=UploadStatus.ABORTED, expires=_LONG_AGO)
    now = _LONG_AGO + 10 * _MINUTE
    claim = partial(records.claim_due, now=now, stuck_before=_LONG_AGO + _MINUTE, until=now + _MINUTE)
    first = await claim(limit=2)
    expect([file.id for file in first] == [due[0].id, due[1].id], "the longest due are claimed, in order", found=first)
    expect(await bench.get(due[0]) == due[0].evolve(tended=now + _MINUTE), "the claim is kept", found=first)
    second = {file.id for file in await claim(limit=10)}
    expect(second == {due[2].id, stuck.id, untold.id}, "what is in hand is left to its run", found=second)
    again = await records.claim_due(now=now + 2 * _MINUTE, stuck_before=_LONG_AGO, until=MOMENT, limit=10)
    expect({file.id for file in again} == {file.id for file in due}, "a claim ends", found=again)
    for file in (young, dead, told, being_told):
        expect(await bench.get(file) == file, "what is not due is left alone")
    await _clear(bench, [*due, stuck, untold, told, being_told, young, dead])


async def rival_claims_share_what_is_due(bench: Bench) -> None:
    """However many claim at once, each upload is in one hand."""
    records = bench.records
    if not isinstance(records, UpkeepRecords):
        return
    due = [await bench.add(upload_status=UploadStatus.UPLOADING, expires=_LONG_AGO) for _ in range(20)]
    now = _LONG_AGO + _MINUTE
    claims = [
        partial(records.claim_due, now=now, stuck_before=_LONG_AGO, until=now + _MINUTE, limit=8) for _ in range(5)
    ]
    claimed = [file.id for files in await bench.together(claims) for file in files]
    while more := await claims[0]():
        claimed += [file.id for file in more]
    expect(sorted(claimed) == sorted(file.id for file in due), "each is claimed once", found=claimed)
    await _clear(bench, due)


async def old_ended_records_go(bench: Bench) -> None:
    """Those of settled uploads that were aborted or failed before a moment, no more than asked for."""
    records = bench.records
    if not isinstance(records, UpkeepRecords):
        return
    old = {"modified": _LONG_AGO, "settled": True}
    ended = [await bench.add(upload_status=status, **old) for status in (UploadStatus.ABORTED, UploadStatus.FAILED) * 2]
    kept = [
        await bench.add(upload_status=UploadStatus.COMPLETED, **old),
        await bench.add(upload_status=UploadStatus.ABORTED, modified=_LONG_AGO),
        await bench.add(upload_status=UploadStatus.FAILED, modified=_LONG_AGO + _MINUTE, settled=True),
    ]
    before = _LONG_AGO + _MINUTE
    removed = [await records.remove_ended(before, limit=3), await records.remove_ended(before, limit=3)]
    expect(removed == [3, 1], "they go, as many as asked for", found=removed)
    found = [await records.get(file.id) for file in ended]
    expect(found == [None] * 4, "none is left", found=found)
    for file in kept:
        expect(await bench.get(file) == file, "others stay")
    await _clear(bench, kept)


async def all_that_is_due_is_counted(bench: Bench) -> None:
    """What each kind of work would find, but for what another run has in hand."""
    records = bench.records
    if not isinstance(records, UpkeepRecords):
        return
    late = _LONG_AGO + _MINUTE
    count = partial(
        records.count_due,
        now=late,
        stuck_before=_LONG_AGO,
        single_puts_before=late,
        deleted_before=late,
        ended_before=late,
    )
    before = await count()
    ended = {"upload_status": UploadStatus.ABORTED, "modified": _LONG_AGO}
    trash = {"upload_status": UploadStatus.COMPLETED, "deleted": _LONG_AGO}
    files = [
        await bench.add(upload_status=UploadStatus.UPLOADING, expires=_LONG_AGO),
        await bench.add(upload_status=UploadStatus.UPLOADING, expires=_LONG_AGO, tended=MOMENT),
        await bench.add(**ended),
        await bench.add(**ended, tended=MOMENT),
        await bench.add(**ended, single_put=True),
        await bench.add(**{**ended, "modified": MOMENT}, single_put=True),
        await bench.add(**trash),
        await bench.add(**trash, purging=_LONG_AGO),
        await bench.add(**ended, settled=True, counted=False),
        await bench.add(**{**ended, "modified": MOMENT}, settled=True, counted=False),
    ]
    due = Due(*(now - then for now, then in zip(await count(), before, strict=True)))
    expect(due == Due(uploads=1, left=3, trash=1, ended=1), "each kind is counted", found=due)
    await _clear(bench, files)


async def _clear(bench: Bench, files: list[File]) -> None:
    for file in files:
        await bench.records.remove(file.id)


CHECKS = (
    due_uploads_are_claimed_once,
    rival_claims_share_what_is_due,
    old_ended_records_go,
    all_that_is_due_is_counted,
)
