"""Checks of values: what goes in comes out, and what cannot be kept is refused alike."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from partway.contracts import expect, expect_error
from partway.core.ports import FileQuery, KeyedRecords, UsageRecords
from partway.errors import InvalidInput
from partway.records.contract.bench import MOMENT, Bench

_UNICODE = "naïve \u2013 文件 🎬 \u202e e\u0301 \uffff \x01\x7f\u2028 '\"\\%_;--"
_LARGEST_OBJECT = 5 * 1024**3 * 10_000  # bytes: 48.8 TiB, S3's limit


async def sizes_stay_exact(bench: Bench) -> None:
    """Numbers above 2**53, where floating point begins to lose."""
    for size in (0, 2**53 + 1, _LARGEST_OBJECT, 2**63 - 1):
        file = await bench.add(file_size=size, part_size=size, counted=False)  # their sum would fit no column
        found = await bench.get(file)
        expect((found.file_size, found.part_size) == (size, size), f"{size} bytes stay exact", found=found.file_size)


async def numbers_of_more_than_64_bits_are_refused(bench: Bench) -> None:
    """They fit no column."""
    await expect_error(InvalidInput, bench.add(file_size=2**63), "a size of 2**63 is InvalidInput")


async def times_keep_microseconds_and_come_in_utc(bench: Bench) -> None:
    """An instant comes back as the same instant, aware, in UTC."""
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    for moment in (elsewhere, MOMENT.replace(microsecond=0), datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC)):
        file = await bench.add(created=MOMENT, completed=moment)
        found = (await bench.get(file)).completed
        expect(found == moment, "a time keeps its microseconds", found=found)
        expect(found is not None and found.utcoffset() == timedelta(0), "a time comes back in UTC", found=found)


async def naive_times_are_refused(bench: Bench) -> None:
    """A time without a zone could be any of 24."""
    naive = MOMENT.replace(tzinfo=None)
    await expect_error(InvalidInput, bench.add(completed=naive), "a naive time is InvalidInput")


async def any_text_comes_back(bench: Bench) -> None:
    """Every character but NUL, in names, descriptions and owners."""
    file = await bench.add(name=_UNICODE, description=_UNICODE * 200, parent_object_id=_UNICODE, created_by=_UNICODE)
    expect(await bench.get(file) == file, "text comes back as it was")


async def text_that_cannot_be_kept_is_refused(bench: Bench) -> None:
    """NUL, half characters and too many characters, in every verb that takes text."""
    file = await bench.add()
    for name, value in (("a NUL", "a\0b"), ("half a character", "\ud83c"), ("256 characters", "x" * 256)):
        what = f"{name} is InvalidInput"
        await expect_error(InvalidInput, bench.add(name=value), what)
        await expect_error(InvalidInput, bench.add(created_by=value), what)
        await expect_error(InvalidInput, bench.records.change(file.id, name=value), what)
        await expect_error(InvalidInput, bench.records.page(FileQuery(owner=bench.owner, search=value)), what)
        await expect_error(InvalidInput, bench.records.page(FileQuery(fingerprint=value)), what)
    longest = await bench.add(name="漢" * 255, idempotency_key="k" * 255, fingerprint="🎬" * 255)
    expect(await bench.get(longest) == longest, "255 characters are kept")


async def metadata_come_back(bench: Bench) -> None:
    """Any JSON object: nested, any Unicode, large integers, exact numbers."""
    metadata: dict[str, Any] = {
        "text": _UNICODE,
        _UNICODE: [None, True, False, {"deep": [[], {}]}],
        "numbers": [0, -1, 1.5, 1e-300, 2**53 + 1, 2**63 - 1, -(2**63), 1e20],
        "looks escaped": "\\u0000",
    }
    file = await bench.add(metadata=metadata)
    found = (await bench.get(file)).metadata
    expect(found == metadata, "metadata come back as they were", found=found)
    expect(type(found["numbers"][4]) is int, "integers stay integers", found=found)
    expect(type(found["numbers"][7]) is float, "floats that no 64 bits hold stay floats", found=found)
    changed = await bench.records.change(file.id, metadata={})
    expect(changed is not None and changed.metadata == {}, "metadata may become empty", found=changed)


async def metadata_that_cannot_be_kept_are_refused(bench: Bench) -> None:
    """What JSON or a database cannot carry."""
    for value in (math.nan, math.inf, "a\0b", ["\ud83c"], {"a\0b": 1}, object()):
        metadata = {"value": value}
        await expect_error(InvalidInput, bench.add(metadata=metadata), f"metadata with {value!r} are InvalidInput")


async def a_record_is_not_shared(bench: Bench) -> None:
    """Changing an object that was given in or out changes no record."""
    metadata: dict[str, Any] = {"list": [1]}
    file = await bench.add(metadata=metadata)
    metadata["list"].append(2)
    (await bench.get(file)).metadata["list"].append(3)
    found = (await bench.get(file)).metadata
    expect(found == {"list": [1]}, "the kept metadata are the records' own", found=found)


async def texts_are_the_same_only_letter_by_letter(bench: Bench) -> None:
    """Owners, keys, idempotency keys and what is filtered by: case, accents and spaces at the end tell them apart."""
    name = f"{bench.owner}/e"
    alike = [name, name.upper(), f"{name} ", f"{name}\t", name[:-1] + "é", name[:-1] + "e\u0301"]
    files = [
        await bench.add(created_by=each, key=each, idempotency_key=each, fingerprint=each, parent_object_id=each)
        for each in alike
    ]
    for each, file in zip(alike, files, strict=True):
        again = bench.file(created_by=each, idempotency_key=each)
        expect(await bench.records.add(again) == file, f"the idempotency key {each!r} is another than {alike}")
        expect(await bench.records.get(file.id, owner=each) == file, f"the owner {each!r} is another than {alike}")
        for asked in (FileQuery(owner=each), FileQuery(fingerprint=each), FileQuery(parent_object_id=each)):
            found = (await bench.records.page(asked)).files
            expect(list(found) == [file], f"a listing tells {each!r} from {alike}", found=found)
        if isinstance(bench.records, UsageRecords):
            expect((await bench.records.usage(each)).files == 1, f"{each!r} uses what is its own alone")
        if isinstance(bench.records, KeyedRecords):
            found = await bench.records.get_keys([each])
            expect(found == [file], f"the key {each!r} is another than {alike}", found=found)


CHECKS = (
    sizes_stay_exact,
    numbers_of_more_than_64_bits_are_refused,
    times_keep_microseconds_and_come_in_utc,
    naive_times_are_refused,
    any_text_comes_back,
    text_that_cannot_be_kept_is_refused,
    metadata_come_back,
    metadata_that_cannot_be_kept_are_refused,
    a_record_is_not_shared,
    texts_are_the_same_only_letter_by_letter,
)
