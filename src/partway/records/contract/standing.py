"""Checks of what stands: add, get, absence, owners, idempotency keys, removal."""

from __future__ import annotations

from functools import partial

from partway.contracts import expect, expect_error
from partway.core.file import File, UploadStatus, new_file_id
from partway.core.ports import KeyedRecords
from partway.errors import Conflict
from partway.records.contract.bench import Bench

_RIVALS = 8


async def an_added_record_is_found(bench: Bench) -> None:
    """What was added comes back whole, and so does `add` itself."""
    file = bench.file()
    expect(await bench.records.add(file) == file, "add gives the record that it inserted")
    found = await bench.records.get(file.id)
    expect(found == file, "every field comes back as it was added", found=found)


async def an_unknown_record_is_none(bench: Bench) -> None:
    """Absence is an answer, not an error, for every verb."""
    unknown = new_file_id()
    expect(await bench.records.get(unknown) is None, "an unknown id is None")
    expect(await bench.records.change(unknown, name="new") is None, "changing an unknown record gives None")
    expect(await bench.records.reported_parts(unknown) == [], "an unknown record has no parts")
    await bench.records.remove(unknown)


async def another_owners_record_is_none(bench: Bench) -> None:
    """With an owner named, only that owner's record is found."""
    file = await bench.add()
    expect(await bench.records.get(file.id, owner=bench.owner) == file, "the owner finds the record")
    found = await bench.records.get(file.id, owner=bench.stranger)
    expect(found is None, "another owner's record is None", found=found)


async def an_id_is_taken_once(bench: Bench) -> None:
    """A second record with the same id is refused, and the first stays."""
    file = await bench.add()
    again = bench.file(id=file.id, name="another")
    await expect_error(Conflict, bench.records.add(again), "a second record with the same id is a Conflict")
    expect(await bench.get(file) == file, "the first record stays")


async def a_key_is_taken_once(bench: Bench) -> None:
    """A second record with the same key is refused until the first is removed, whosever it is and however it ended."""
    key = f"{bench.owner}/document.pdf"
    files = [bench.file(key=key, created_by=owner) for owner in [bench.owner, bench.stranger] * (_RIVALS // 2)]
    added: list[File] = []

    async def add(file: File) -> None:
        try:
            added.append(await bench.records.add(file))
        except Conflict as conflict:
            expect(conflict.error_code == "key_taken", "the refusal's code is key_taken", found=conflict.error_code)

    await bench.together([partial(add, file) for file in files])
    expect(len(added) == 1, "of rivals for one key one is added", found=added)
    await bench.records.change(added[0].id, upload_status=UploadStatus.ABORTED, deleted=added[0].created)
    late = bench.file(key=key, idempotency_key="late")
    await expect_error(Conflict, bench.records.add(late), "the key of an ended, hidden record is still taken")
    await bench.records.remove(added[0].id)
    expect(await bench.records.add(late) == late, "a removed record's key is free")
    repeated = bench.file(key=key, idempotency_key="late")
    expect(await bench.records.add(repeated) == late, "a repeated request is known before its key is looked at")


async def records_are_found_by_their_keys(bench: Bench) -> None:
    """Whosever they are, each once, and unknown keys give nothing."""
    if not isinstance(bench.records, KeyedRecords):
        return
    files = [await bench.add(), await bench.add(created_by=bench.stranger)]
    await bench.add()
    keys = [files[0].key, files[1].key, files[0].key, f"{bench.owner}/no/such/key"]
    found = await bench.records.get_keys(keys)
    expect(sorted(found, key=lambda file: file.id) == sorted(files, key=lambda file: file.id), "found", found=found)
    expect(await bench.records.get_keys([]) == [], "no keys find nothing")


async def an_idempotency_key_finds_the_earlier_record(bench: Bench) -> None:
    """The same owner and key give the record that was added first, and add nothing."""
    first = await bench.add(idempotency_key="request-1")
    again = bench.file(idempotency_key="request-1", name="another")
    expect(await bench.records.add(again) == first, "the earlier record is given")
    expect(await bench.records.get(again.id) is None, "the later record was not inserted")
    expect(await bench.records.add(first) == first, "adding the very same record again gives it")


async def idempotency_keys_belong_to_owners(bench: Bench) -> None:
    """Another owner's same key, and records without a key, are independent."""
    await bench.add(idempotency_key="request-1")
    for fields in ({"created_by": bench.stranger, "idempotency_key": "request-1"}, {}, {}):
        file = bench.file(**fields)
        standing = await bench.records.add(file)
        expect(standing.id == file.id, "another owner's key, and no key, never clash", found=standing)


async def rivals_with_one_key_add_one_record(bench: Bench) -> None:
    """Of concurrent adds with one key one record stands, and all are told of it."""
    files = [bench.file(idempotency_key="rivals") for _ in range(_RIVALS)]
    standing = await bench.together([partial(bench.records.add, file) for file in files])
    expect(len({file.id for file in standing}) == 1, "all rivals are told of one record", found=standing)
    there = [file for file in files if await bench.records.get(file.id) is not None]
    expect([file.id for file in there] == [standing[0].id], "exactly that record was inserted", found=there)


async def a_removed_record_is_gone(bench: Bench) -> None:
    """Removing twice is fine, and the idempotency key is free again."""
    file = await bench.add(idempotency_key="again")
    kept = await bench.add()
    for _ in range(2):
        await bench.records.remove(file.id)
    expect(await bench.records.get(file.id) is None, "a removed record is not found")
    expect(await bench.get(kept) == kept, "another record stays")
    fresh = bench.file(idempotency_key="again")
    expect(await bench.records.add(fresh) == fresh, "a removed record's idempotency key is free")


CHECKS = (
    an_added_record_is_found,
    an_unknown_record_is_none,
    another_owners_record_is_none,
    an_id_is_taken_once,
    a_key_is_taken_once,
    records_are_found_by_their_keys,
    an_idempotency_key_finds_the_earlier_record,
    idempotency_keys_belong_to_owners,
    rivals_with_one_key_add_one_record,
    a_removed_record_is_gone,
)
