"""Checks of reported parts."""

from __future__ import annotations

from partway.contracts import expect, expect_error
from partway.core.file import new_file_id
from partway.core.parts import StoredPart
from partway.errors import InvalidInput, NotFound
from partway.records.contract.bench import MOMENT, Bench

_MANY = 1000


async def reported_parts_come_by_number(bench: Bench) -> None:
    """Every field comes back, whatever the order of the reports."""
    file = await bench.add()
    second = StoredPart(part_number=2, size=2**40, etag="bb", checksum="AAAAAA==", last_modified=MOMENT)
    tenth = StoredPart(part_number=10, size=0, etag="cc")
    first = StoredPart(part_number=1, size=5, etag="aa")
    await bench.records.report_parts(file.id, [tenth, second])
    await bench.records.report_parts(file.id, [first])
    await bench.records.report_parts(file.id, [])
    found = await bench.records.reported_parts(file.id)
    expect(found == [first, second, tenth], "parts come back whole, by number", found=found)


async def a_later_report_replaces(bench: Bench) -> None:
    """A part that is reported again counts once, as it was reported last; also within one report."""
    file, other = await bench.add(), await bench.add()
    older = StoredPart(part_number=1, size=5, etag="aa", checksum="AAAAAA==", last_modified=MOMENT)
    newer = StoredPart(part_number=1, size=6, etag="bb")
    await bench.records.report_parts(other.id, [older])
    await bench.records.report_parts(file.id, [older])
    await bench.records.report_parts(file.id, [newer])
    expect(await bench.records.reported_parts(file.id) == [newer], "the later report stands alone")
    await bench.records.report_parts(file.id, [newer, older])
    expect(await bench.records.reported_parts(file.id) == [older], "the last of one report counts")
    expect(await bench.records.reported_parts(other.id) == [older], "another file's parts are its own")


async def many_parts_are_reported_at_once(bench: Bench) -> None:
    """As a client does that resumes."""
    file = await bench.add()
    parts = [StoredPart(part_number=number, size=1, etag=f"{number:x}") for number in range(1, _MANY + 1)]
    await bench.records.report_parts(file.id, parts[::-1])
    expect(await bench.records.reported_parts(file.id) == parts, f"{_MANY} parts come back by number")


async def reports_go_with_their_record(bench: Bench) -> None:
    """A removed record leaves no parts, and parts of no record are not noted."""
    file = await bench.add()
    part = StoredPart(part_number=1, size=5, etag="aa")
    await bench.records.report_parts(file.id, [part])
    await bench.records.remove(file.id)
    expect(await bench.records.reported_parts(file.id) == [], "a removed record's parts are gone")
    await bench.records.add(file)
    expect(await bench.records.reported_parts(file.id) == [], "and do not come back with its id")
    await expect_error(NotFound, bench.records.report_parts(new_file_id(), [part]), "parts of no record are NotFound")


async def reports_that_cannot_be_kept_are_refused(bench: Bench) -> None:
    """As texts everywhere; a refused report notes nothing."""
    file = await bench.add()
    good = StoredPart(part_number=1, size=5, etag="aa")
    for bad in (StoredPart(part_number=2, size=5, etag="a\0"), StoredPart(part_number=2, size=2**63, etag="aa")):
        await expect_error(InvalidInput, bench.records.report_parts(file.id, [good, bad]), "it is InvalidInput")
    expect(await bench.records.reported_parts(file.id) == [], "nothing of a refused report is noted")


CHECKS = (
    reported_parts_come_by_number,
    a_later_report_replaces,
    many_parts_are_reported_at_once,
    reports_go_with_their_record,
    reports_that_cannot_be_kept_are_refused,
)
