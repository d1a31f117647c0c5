"""Checks of what owners use, and of limits: exact, in one transaction with the record, and given back once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from partway.contracts import expect, expect_error
from partway.core.file import UNFINISHED, File, UploadStatus
from partway.core.ports import BulkRecords, Usage, UsageRecords
from partway.errors import InvalidInput, PartwayError, QuotaExceeded
from partway.records.contract.bench import MOMENT, Bench

_RIVALS = 12


async def _usage(bench: Bench, owner: str | None = None) -> Usage:
    assert isinstance(bench.records, UsageRecords)
    return await bench.records.usage(owner or bench.owner)


async def _outcome(bench: Bench, file: File) -> File | PartwayError:
    try:
        return await bench.records.add(file)
    except QuotaExceeded as refusal:
        return refusal


async def what_an_owner_uses_is_the_sum(bench: Bench) -> None:
    """After every addition, change and removal."""
    if not isinstance(bench.records, UsageRecords):
        return
    expect(await _usage(bench) == Usage(), "an owner without files uses nothing")
    files = {file.id: file for file in [await bench.add(file_size=size) for size in (0, 7, 2**53 + 1)]}
    await bench.add(created_by=bench.stranger, file_size=1)

    async def hold() -> None:
        counted = [file.file_size for file in files.values() if file.counted]
        unfinished = sum(file.upload_status in UNFINISHED for file in files.values())
        expected = Usage(bytes=sum(counted), files=len(counted), open_uploads=unfinished)
        found = await _usage(bench)
        expect(found == expected, f"the usage is the sum, {expected}", found=found)

    await hold()
    ways: list[dict[str, Any]] = [
        {"upload_status": UploadStatus.UPLOADING},
        {"name": "new"},
        {"upload_status": UploadStatus.COMPLETING, "file_size": 11},
        {"upload_status": UploadStatus.ABORTED},
        {"counted": False, "settled": True},
        {"counted": False},
        {"counted": True, "upload_status": UploadStatus.COMPLETED},
    ]
    for file_id in list(files):
        for way in ways:
            changed = await bench.records.change(file_id, **way)
            assert changed is not None
            files[file_id] = changed
            await hold()
        # A change that compares a wrong status changes nothing.
        await bench.records.change(file_id, when={UploadStatus.PENDING}, counted=False)
        await hold()
    for file_id in list(files):
        await bench.records.remove(file_id)
        await bench.records.remove(file_id)
        del files[file_id]
        await hold()


async def bytes_that_no_column_holds_are_refused(bench: Bench) -> None:
    """Sums have 64 bits too."""
    if not isinstance(bench.records, UsageRecords):
        return
    await bench.add(file_size=2**63 - 1)
    await expect_error(InvalidInput, bench.add(file_size=1), "more than 2**63 - 1 bytes of one owner are InvalidInput")
    expect((await _usage(bench)).bytes == 2**63 - 1, "what is there stays exact")


async def a_limit_of_bytes_is_exact(bench: Bench) -> None:
    """The last byte fits, one more does not; what was refused was not added."""
    if not isinstance(bench.records, UsageRecords):
        return
    await bench.add(file_size=60, quota_bytes=100)
    fits, over = bench.file(file_size=40, quota_bytes=100), bench.file(file_size=41, quota_bytes=100)
    refusal = await expect_error(QuotaExceeded, bench.records.add(over), "one byte too many is QuotaExceeded")
    expect(refusal.error_code == "quota_exceeded", "its code is quota_exceeded", found=refusal.error_code)
    expect(await bench.records.get(over.id) is None, "a refused record was not inserted")
    expect((await _usage(bench)).bytes == 60, "and takes nothing")
    expect(await bench.records.add(fits) == fits, "the last byte fits")
    free = bench.file(file_size=10**12)
    expect(await bench.records.add(free) == free, "a record without a limit is never refused")
    uncounted = bench.file(file_size=10**12, quota_bytes=100, counted=False)
    expect(await bench.records.add(uncounted) == uncounted, "nor is one that does not count")
    stranger = bench.file(file_size=100, quota_bytes=100, created_by=bench.stranger)
    expect(await bench.records.add(stranger) == stranger, "nor does another owner's usage matter")


async def a_limit_of_open_uploads_is_exact(bench: Bench) -> None:
    """Uploads that ended leave room."""
    if not isinstance(bench.records, UsageRecords):
        return
    first, _ = [await bench.add(quota_uploads=2) for _ in range(2)]
    third = bench.file(quota_uploads=2)
    refusal = await expect_error(QuotaExceeded, bench.records.add(third), "a third open upload is QuotaExceeded")
    expect(refusal.error_code == "too_many_uploads", "its code is too_many_uploads", found=refusal.error_code)
    done = bench.file(quota_uploads=2, upload_status=UploadStatus.COMPLETED)
    expect(await bench.records.add(done) == done, "a finished file is no open upload")
    await bench.records.change(first.id, upload_status=UploadStatus.FAILED)
    expect(await bench.records.add(third) == third, "an upload that ended leaves room")


async def a_repeated_request_takes_nothing_twice(bench: Bench) -> None:
    """With an idempotency key the standing record is given, also where there is no room."""
    if not isinstance(bench.records, UsageRecords):
        return
    first = await bench.add(file_size=100, quota_bytes=100, quota_uploads=1, idempotency_key="one")
    again = bench.file(file_size=100, quota_bytes=100, quota_uploads=1, idempotency_key="one")
    expect(await bench.records.add(again) == first, "the standing record is given")
    expect((await _usage(bench)) == Usage(bytes=100, files=1, open_uploads=1), "and nothing is taken twice")


async def many_fit_or_none(bench: Bench) -> None:
    """A set that does not fit as a whole leaves nothing behind."""
    records = bench.records
    if not isinstance(records, UsageRecords) or not isinstance(records, BulkRecords):
        return
    await bench.add(file_size=10)
    files = [bench.file(file_size=10, quota_bytes=50, quota_uploads=5) for _ in range(5)]
    await expect_error(QuotaExceeded, records.add_all(files), "a set that is too large is QuotaExceeded")
    expect(await _usage(bench) == Usage(bytes=10, files=1, open_uploads=1), "and takes nothing")
    await records.add_all(files[:4])
    expect(await _usage(bench) == Usage(bytes=50, files=5, open_uploads=5), "a set that fits is taken as a whole")
    changes = {file.id: {"counted": False, "upload_status": UploadStatus.ABORTED} for file in files[:4]}
    await records.change_each(changes, when=UNFINISHED)
    await records.change_each(changes, when={UploadStatus.ABORTED})
    expect(await _usage(bench) == Usage(bytes=10, files=1, open_uploads=1), "and given back once, however often")


async def of_rivals_as_many_win_as_fit(bench: Bench) -> None:
    """Concurrent additions never pass a limit, and never stop below it."""
    if not isinstance(bench.records, UsageRecords):
        return
    files = [bench.file(file_size=10, quota_bytes=50) for _ in range(_RIVALS)]
    outcomes = await bench.together([partial(_outcome, bench, file) for file in files])
    won = [each for each in outcomes if isinstance(each, File)]
    expect(len(won) == 5, "exactly as many as fit are added", found=len(won))
    expect(await _usage(bench) == Usage(bytes=50, files=5, open_uploads=5), "and the sum is theirs")
    give_back = [partial(bench.records.change, file.id, counted=False) for file in won for _ in range(2)]
    await bench.together(give_back)
    expect((await _usage(bench)).bytes == 0, "rivals that give back give back once")


async def what_ended_and_still_counts_is_found(bench: Bench) -> None:
    """Aborted, failed and purged files; those of a single PUT only once their URL is dead."""
    records = bench.records
    if not isinstance(records, UsageRecords):
        return
    found_ones = [
        await bench.add(upload_status=UploadStatus.ABORTED),
        await bench.add(upload_status=UploadStatus.FAILED),
        await bench.add(upload_status=UploadStatus.COMPLETED, purging=MOMENT),
        await bench.add(upload_status=UploadStatus.ABORTED, single_put=True),
        await bench.add(
            upload_status=UploadStatus.COMPLETED,
            single_put=True,
            purging=MOMENT,
            completed=MOMENT,
            modified=MOMENT + timedelta(days=1),
        ),
    ]
    late = MOMENT + timedelta(minutes=1)
    await bench.add(upload_status=UploadStatus.ABORTED, single_put=True, modified=late)
    await bench.add(upload_status=UploadStatus.COMPLETED, single_put=True, purging=MOMENT, completed=late)
    for status in UploadStatus:
        await bench.add(upload_status=status, counted=False, purging=MOMENT)
    for status in UNFINISHED | {UploadStatus.COMPLETED}:
        await bench.add(upload_status=status, deleted=MOMENT)
    foreign = await bench.add(upload_status=UploadStatus.ABORTED, created_by=bench.stranger)

    found = await records.reclaimable(owner=bench.owner, single_puts_before=late, limit=100)
    expect(
        sorted(file.id for file in found) == sorted(file.id for file in found_ones),
        "exactly those that ended, count, and whose URL is dead are found",
        found=[(file.upload_status, file.single_put) for file in found],
    )
    expect(all(file in found_ones for file in found), "they come back whole", found=found)
    few = await records.reclaimable(owner=bench.owner, single_puts_before=late, limit=2)
    expect(len(few) == 2, "no more than asked for are given", found=len(few))
    everybodys = await records.reclaimable(owner=None, single_puts_before=late, limit=100_000)
    ids = {file.id for file in everybodys}
    expect({foreign.id, *(file.id for file in found_ones)} <= ids, "without an owner every owner's are found")


CHECKS = (
    what_an_owner_uses_is_the_sum,
    bytes_that_no_column_holds_are_refused,
    a_limit_of_bytes_is_exact,
    a_limit_of_open_uploads_is_exact,
    a_repeated_request_takes_nothing_twice,
    many_fit_or_none,
    of_rivals_as_many_win_as_fit,
    what_ended_and_still_counts_is_found,
)
