"""Checks of changes: each is one compare-and-set."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from functools import partial
from typing import Any

from partway.contracts import expect
from partway.core.checksums import ChecksumAlgorithm
from partway.core.file import File, UploadStatus
from partway.records.contract.bench import MOMENT, Bench

_RIVALS = 8


async def a_change_is_kept(bench: Bench) -> None:
    """The changed record is given and found, and nothing else changed."""
    file = await bench.add()
    changed = await bench.records.change(
        file.id, when={UploadStatus.PENDING}, upload_status=UploadStatus.UPLOADING, upload_id="handle"
    )
    expected = file.evolve(upload_status=UploadStatus.UPLOADING, upload_id="handle")
    expect(changed == expected, "a change gives the record as it now stands", found=changed)
    expect(await bench.get(file) == expected, "and it is found so")


async def every_field_may_change(bench: Bench) -> None:
    """All fields but `id` and `created_by`, also back to None."""
    file = await bench.add()
    later = MOMENT + timedelta(days=3, microseconds=7)
    values: dict[str, Any] = {field.name: f"new {field.name}" for field in dataclasses.fields(File)}
    values |= dict.fromkeys(("created", "modified", "expires", "completed", "deleted"), later)
    values |= dict.fromkeys(("purging", "tended", "untold"), later)
    values |= {"file_size": 7, "part_size": 8, "num_parts": 1, "is_public": True, "settled": True}
    values |= {"single_put": True, "spares": True}
    values |= {"counted": False, "quota_bytes": 2**62, "quota_uploads": 3}
    values |= {"key": f"new key of {bench.owner}", "metadata": {"a": [1]}, "upload_status": UploadStatus.FAILED}
    values |= {"checksum_algorithm": ChecksumAlgorithm.CRC64NVME}
    del values["id"], values["created_by"]
    changed = await bench.records.change(file.id, **values)
    expect(changed == file.evolve(**values), "every field takes its new value", found=changed)
    optional = [field.name for field in dataclasses.fields(File) if field.default is None]
    changed = await bench.records.change(file.id, **dict.fromkeys(optional))
    expect(changed == file.evolve(**values | dict.fromkeys(optional)), "optional fields go back to None", found=changed)


async def a_change_in_another_status_is_none(bench: Bench) -> None:
    """If the status is none of `when`, nothing changes."""
    file = await bench.add()
    for when in ({UploadStatus.UPLOADING}, {UploadStatus.COMPLETED, UploadStatus.ABORTED}, ()):
        changed = await bench.records.change(file.id, when=when, name="new")
        expect(changed is None, f"a change when {when} is None for a pending record", found=changed)
    expect(await bench.get(file) == file, "the record stays as it was")
    several = await bench.records.change(file.id, when=[UploadStatus.UPLOADING, UploadStatus.PENDING], name="new")
    expect(several is not None and several.name == "new", "one of several statuses is enough", found=several)


async def a_change_of_nothing_compares(bench: Bench) -> None:
    """Without fields the record is given if its status is one of `when`."""
    file = await bench.add()
    expect(await bench.records.change(file.id, when={UploadStatus.PENDING}) == file, "the record is given")
    expect(await bench.records.change(file.id, when={UploadStatus.FAILED}) is None, "or None, if the status is another")


async def of_rivals_one_wins(bench: Bench) -> None:
    """Concurrent changes from one status: exactly one is made."""
    file = await bench.add()
    change = partial(bench.records.change, file.id, when={UploadStatus.PENDING}, upload_status=UploadStatus.UPLOADING)
    outcomes = await bench.together([partial(change, upload_id=f"handle {rival}") for rival in range(_RIVALS)])
    winners = [outcome for outcome in outcomes if outcome is not None]
    expect(len(winners) == 1, "exactly one of the rivals is given the record", found=outcomes)
    expect(await bench.get(file) == winners[0], "and it is the winner's change that stands")


async def other_fields_are_refused(bench: Bench) -> None:
    """`id`, `created_by` and names that are no fields are a programmer's mistake: TypeError."""
    file = await bench.add()
    for name in ("id", "created_by", "colour"):
        change: dict[str, Any] = {name: "other"}
        try:
            outcome: object = await bench.records.change(file.id, **change)
        except TypeError as raised:
            outcome = raised
        expect(isinstance(outcome, TypeError), f"changing {name!r} raises TypeError", found=outcome)
    expect(await bench.get(file) == file, "the record stays as it was")


CHECKS = (
    a_change_is_kept,
    every_field_may_change,
    a_change_in_another_status_is_none,
    a_change_of_nothing_compares,
    of_rivals_one_wins,
    other_fields_are_refused,
)
