"""Many small files at once, in memory: one answer for each, in order, whatever is wrong with the others."""

from __future__ import annotations

import base64
import zlib
from typing import Any
from uuid import uuid4

import pytest
from tests.core.house import ALICE, BOB, CONTENT, House, drive, new

from partway.core.checksums import ChecksumAlgorithm
from partway.core.file import File, UploadStatus
from partway.core.uploads import BegunUpload
from partway.errors import InvalidInput, NotFound, PartsMissing

CRC32 = ChecksumAlgorithm.CRC32


def begin(house: House, *requests: Any) -> list[Any]:
    """Begin many uploads, with the powers that the house has."""
    return list(drive(house.stories.batches.initiate(requests, caller=ALICE)))


def complete(house: House, *files: File, caller: Any = ALICE) -> list[Any]:
    """Finish many uploads."""
    return list(drive(house.stories.batches.complete([file.id for file in files], caller=caller)))


@pytest.mark.parametrize("powers", [True, False])
def test_each_file_is_begun_or_refused_by_itself(powers: bool) -> None:
    house = House(powers=powers)
    bodies = [b"one", CONTENT, b"", b"two"]
    requests = [new(bodies[0]), new(bodies[1]), new(b"x", file_name="../"), new(bodies[2]), new(bodies[3])]
    begun = begin(house, *requests)
    assert isinstance(begun.pop(2), InvalidInput)
    assert [each.file.single_put for each in begun] == [powers, False, powers, powers]
    for each, body in zip(begun, bodies, strict=True):
        house.send(each.signed, body)
    done = complete(house, *(each.file for each in begun))
    assert [file.upload_status for file in done] == [UploadStatus.COMPLETED] * 4
    assert [house.bytes_of(file) for file in done] == bodies
    assert complete(house, *done) == done


def test_checksums_of_single_puts_are_kept() -> None:
    house = House()
    checksum = base64.b64encode(zlib.crc32(b"tiny").to_bytes(4, "big")).decode()
    (checked, later) = begin(
        house,
        new(b"tiny", checksum_algorithm=CRC32, part_checksums=[checksum]),
        new(b"tiny", checksum_algorithm=CRC32),  # its checksum comes later, so a single PUT could not demand it
    )
    assert (checked.file.single_put, later.file.single_put) == (True, False)
    house.send(checked.signed, b"tiny")
    assert complete(house, checked.file)[0].checksum == f"crc32:{checksum}"


def test_what_is_not_there_is_named_and_the_rest_is_finished() -> None:
    house = House()
    sent, missing, also_sent = begin(house, new(b"a"), new(b"b"), new(b"c"))
    house.send(sent.signed, b"a")
    house.send(also_sent.signed, b"c")
    unknown = sent.file.evolve(id=uuid4())
    first, second, third, fourth = complete(house, sent.file, missing.file, unknown, also_sent.file)
    assert isinstance(second, PartsMissing)
    assert isinstance(third, NotFound)
    assert first.upload_status is fourth.upload_status is UploadStatus.COMPLETED
    assert first.settled


def test_a_batch_finishes_only_the_callers_own() -> None:
    house = House()
    (begun,) = begin(house, new(b"a"))
    house.send(begun.signed, b"a")
    (refusal,) = complete(house, begun.file, caller=BOB)
    assert isinstance(refusal, NotFound)
    assert house.record(begun.file).upload_status is UploadStatus.UPLOADING


def test_a_batch_twice_and_an_id_twice_give_the_same_answer() -> None:
    house = House()
    begun = begin(house, new(b"a"), new(b"b"))
    for each, body in zip(begun, (b"a", b"b"), strict=True):
        house.send(each.signed, body)
    one, two, again = complete(house, begun[0].file, begun[1].file, begun[0].file)
    assert one == again
    assert complete(house, one, two) == [one, two]


def test_an_object_of_another_size_or_another_owner_is_not_taken() -> None:
    house = House()
    wrong, foreign, right = begin(house, new(b"a"), new(b"b"), new(b"c"))
    house.plant(wrong.file, b"too long")
    house.plant(foreign.file, b"bb", token="another's")
    house.send(right.signed, b"c")
    answers = complete(house, wrong.file, foreign.file, right.file)
    assert [house.record(each.file).failure for each in (wrong, foreign, right)] == [
        "size_mismatch",
        "object_not_ours",
        None,
    ]
    assert isinstance(answers[2], File)
    assert house.bytes_of(foreign.file) == b"bb"


def test_files_that_lie_far_apart_in_a_listing_are_all_found() -> None:
    house = House()
    begun: list[BegunUpload] = []
    for _ in range(3):
        begun += begin(house, *(new(b"a") for _ in range(20)))
        for number in range(1500):  # others' files between two batches
            key = f"{begun[-1].file.key}.{number}"
            house.store._keep(key, b"", content_type="", token="", etag="e", checksum=None)
    for each in begun:
        house.send(each.signed, b"a")
    done = complete(house, *(each.file for each in begun))
    assert {file.upload_status for file in done} == {UploadStatus.COMPLETED}
