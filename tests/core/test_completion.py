"""Completing in memory: what is compared, what is verified, and a crash at any point."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import pytest
from tests.core.house import ALICE, CONTENT, PART_SIZE, House, drive, every_point
from tests.core.test_uploads import assert_nothing_left

from partway.core.blocking import run_straight
from partway.core.checksums import ChecksumAlgorithm
from partway.core.file import File, UploadStatus
from partway.core.parts import ClaimedPart, StoredPart
from partway.errors import Conflict, NotFound, PartsDisagree, PartsMissing, StoreRefused, UploadGone

CRC32 = ChecksumAlgorithm.CRC32
SUMS = [
    base64.b64encode(zlib.crc32(CONTENT[start : start + PART_SIZE]).to_bytes(4, "big")).decode()
    for start in range(0, len(CONTENT), PART_SIZE)
]
WHOLE = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()


def complete(house: House, file: File, **asked: Any) -> File:
    """Complete without pauses."""
    done: File = run_straight(house.calm.uploads.complete(file.id, caller=ALICE, **asked))
    return done


def join(house: House, file: File) -> None:
    """Have the store join what it holds, as a service does that dies right after."""
    parts = run_straight(house.store.list_parts(file.key, file.upload_id or ""))
    run_straight(house.store.complete_upload(file.key, file.upload_id or "", parts))


@pytest.mark.parametrize("content", [b"", b"1", CONTENT[:4], CONTENT[:5], CONTENT])
def test_every_size_is_completed_once_and_again(content: bytes) -> None:
    house = House()
    file = house.uploaded(content)
    done = complete(house, file)
    assert done.upload_status is UploadStatus.COMPLETED
    assert house.bytes_of(file) == content
    assert complete(house, file) == done


def test_missing_parts_are_named_and_the_upload_stays_open() -> None:
    house = House()
    begun = house.initiate()
    house.put(begun.signed.parts[1], CONTENT[4:8])
    with pytest.raises(PartsMissing) as refusal:
        complete(house, begun.file)
    assert refusal.value.facts["missing"] == [1, 3, 4]
    assert house.record(begun.file) == begun.file
    house.send(begun.signed, CONTENT)
    assert complete(house, begun.file).upload_status is UploadStatus.COMPLETED


def test_parts_outside_the_plan_are_refused() -> None:
    house = House()
    file = house.uploaded()
    house.store._uploads[file.upload_id or ""].parts[9] = StoredPart(part_number=9, size=1, etag="e")
    with pytest.raises(PartsMissing) as refusal:
        complete(house, file)
    assert refusal.value.facts["unplanned"] == [9]


def test_an_etag_that_disagrees_leaves_the_upload_open() -> None:
    house = House()
    file = house.uploaded()
    with pytest.raises(PartsDisagree) as refusal:
        complete(house, file, claimed=[ClaimedPart(2, "0" * 32)])
    assert refusal.value.facts["parts"] == [2]
    assert complete(house, file).upload_status is UploadStatus.COMPLETED


def test_the_checksum_of_the_whole_is_made_of_the_parts() -> None:
    house = House()
    file = house.uploaded(checksum_algorithm=CRC32, part_checksums=SUMS)
    assert complete(house, file).checksum == f"crc32:{WHOLE}"


def test_checksums_that_are_not_joined_are_not_made_up() -> None:
    house = House()
    file = house.uploaded(checksum_algorithm=ChecksumAlgorithm.SHA256, part_checksums=[])
    with pytest.raises(PartsMissing):
        complete(house, file)


# A crash anywhere ----------------------------------------------------------------------------------------------------


def dying(file_of: dict[int, File]) -> Any:
    """A completion in each house, and the file that it is of."""

    def tell(house: House) -> Any:
        file_of[id(house)] = house.uploaded(checksum_algorithm=CRC32, part_checksums=SUMS)
        return house.stories.uploads.complete(file_of[id(house)].id, caller=ALICE)

    return tell


def test_a_completion_killed_anywhere_is_finished_by_the_next() -> None:
    file_of: dict[int, File] = {}
    seen = set()
    for house in every_point(dying(file_of)):
        file = file_of[id(house)]
        seen.add((house.record(file).upload_status, house.bytes_of(file) is not None))
        done = complete(house, file)
        assert done.upload_status is UploadStatus.COMPLETED
        assert done.settled
        assert house.bytes_of(file) == CONTENT
        assert house.open_uploads(file) == []
    assert seen >= {
        (UploadStatus.UPLOADING, False),
        (UploadStatus.COMPLETING, False),
        (UploadStatus.COMPLETING, True),
        (UploadStatus.COMPLETED, True),
    }


def test_a_completion_killed_anywhere_is_seen_through_by_the_state() -> None:
    file_of: dict[int, File] = {}
    for house in every_point(dying(file_of)):
        file = file_of[id(house)]
        state = run_straight(house.calm.uploads.state(file.id, caller=ALICE))
        joined = house.bytes_of(file) is not None
        assert (state.file.upload_status is UploadStatus.COMPLETED) == joined
        assert joined or len(state.held.parts) == len(SUMS)


def test_a_completion_killed_anywhere_can_be_deleted_after_a_while() -> None:
    file_of: dict[int, File] = {}
    for house in every_point(dying(file_of)):
        file = file_of[id(house)]
        house.clock.wait(120)
        run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
        assert_nothing_left(house, file)
        assert run_straight(house.records.get(file.id)) is None


def test_a_completion_that_finds_a_wrong_object_killed_anywhere_is_settled_by_an_abort() -> None:
    file_of: dict[int, File] = {}

    def tell(house: House) -> Any:
        file = file_of[id(house)] = house.begin()
        run_straight(house.store.abort_upload(file.key, file.upload_id or ""))
        house.plant(file, b"short")
        return house.stories.uploads.complete(file.id, caller=ALICE)

    def failing(house: House) -> Any:
        return _refused(tell(house))

    for house in every_point(failing):
        file = file_of[id(house)]
        with pytest.raises(Conflict):
            complete(house, file)
        run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
        assert house.record(file).failure == "size_mismatch"
        assert house.record(file).settled
        assert_nothing_left(house, file)


async def _refused(story: Any) -> None:
    with pytest.raises(Conflict):
        await story


def test_killed_between_the_store_and_the_record_the_file_is_finished() -> None:
    house = House()
    file = house.uploaded()
    join(house, file)
    done = complete(house, file)
    assert done.upload_status is UploadStatus.COMPLETED
    assert house.bytes_of(done) == CONTENT


def test_parts_lost_from_a_dead_completion_reopen_the_upload() -> None:
    house = House(paused=True)
    file = house.uploaded()
    dead = house.stories.uploads.complete(file.id, caller=ALICE)
    while house.record(file).upload_status is UploadStatus.UPLOADING:
        dead.send(None)
    dead.close()
    del house.store._uploads[file.upload_id or ""].parts[2]
    with pytest.raises(Conflict, match="being completed"):  # its death is not yet certain
        complete(house, file)
    house.clock.wait(120)
    with pytest.raises(PartsMissing):
        complete(house, file)
    assert house.record(file).upload_status is UploadStatus.UPLOADING


def test_parts_that_another_request_joins_are_not_missing() -> None:
    steps = 0
    while True:  # the second request has come further each time when the first one sets to work
        house = House(paused=True)
        file = house.uploaded()
        first, second = (house.stories.uploads.complete(file.id, caller=ALICE) for _ in range(2))
        for _ in range(steps):
            second.send(None)
        if house.record(file).upload_status is not UploadStatus.UPLOADING:
            break
        while house.record(file).upload_status is UploadStatus.UPLOADING:
            first.send(None)
        parts = house.store._uploads[file.upload_id or ""].parts
        joined = dict(parts)
        parts.clear()  # as the store lists them while it joins them
        with pytest.raises(Conflict, match="being completed"):
            drive(second)
        parts.update(joined)
        assert drive(first).upload_status is UploadStatus.COMPLETED
        steps += 1
    first.close()
    second.close()
    assert steps > 2


# What the store holds instead ----------------------------------------------------------------------------------------


def lost(house: House) -> File:
    """An upload that the store does not know any more."""
    file = house.begin()
    run_straight(house.store.abort_upload(file.key, file.upload_id or ""))
    return file


def test_neither_upload_nor_object_fails() -> None:
    house = House()
    file = lost(house)
    with pytest.raises(UploadGone):
        complete(house, file)
    record = house.record(file)
    assert (record.upload_status, record.failure, record.settled) == (UploadStatus.FAILED, "upload_gone", True)


def test_another_ones_object_fails_and_stays() -> None:
    house = House()
    file = lost(house)
    house.plant(file, CONTENT, token="another's")
    with pytest.raises(Conflict) as refusal:
        complete(house, file)
    assert refusal.value.error_code == "upload_failed"
    assert refusal.value.facts["failure"] == "object_not_ours"
    assert house.record(file).settled
    assert house.bytes_of(file) == CONTENT
    run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
    assert house.bytes_of(file) == CONTENT


def test_an_object_of_another_size_fails_and_goes() -> None:
    house = House()
    file = lost(house)
    house.plant(file, b"short")
    with pytest.raises(Conflict) as refusal:
        complete(house, file)
    assert refusal.value.facts["failure"] == "size_mismatch"
    assert house.record(file).settled
    assert_nothing_left(house, file)


class Twisting:
    """A store that does as told at one verb and as ever at all others.

    Args:
        store: the real one.
        verb: the verb that is twisted.
        deed: what happens instead; it gets the real verb and its arguments.
    """

    def __init__(self, store: Any, verb: str, deed: Any) -> None:
        self._store, self._verb, self._deed = store, verb, deed

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name != self._verb:
            return real

        async def twisted(*args: Any, **named: Any) -> Any:
            return await self._deed(real, *args, **named)

        return twisted


def twist(house: House, verb: str, deed: Any) -> None:
    """Have the completions of this house meet a store that is twisted at one verb."""
    house.stories.uploads.completion._store = Twisting(house.store, verb, deed)  # type: ignore[assignment] # by design


def test_an_object_with_another_checksum_than_its_parts_fails_and_goes() -> None:
    house = House()
    file = house.uploaded(checksum_algorithm=CRC32, part_checksums=SUMS)

    async def rotten(real: Any, key: str) -> Any:
        stored = await real(key)
        return stored and _with(stored, checksum="crc32:AAAAAA==")

    twist(house, "head", rotten)
    with pytest.raises(Conflict) as refusal:
        run_straight(house.stories.uploads.complete(file.id, caller=ALICE))
    assert refusal.value.facts["failure"] == "checksum_mismatch"
    assert_nothing_left(house, file)


def _with(value: Any, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(value, **changes)


def test_an_object_that_goes_right_after_it_was_joined_fails() -> None:
    house = House()
    file = house.uploaded()

    async def gone(real: Any, key: str) -> None:
        return None

    twist(house, "head", gone)
    with pytest.raises(Conflict) as refusal:
        run_straight(house.stories.uploads.complete(file.id, caller=ALICE))
    assert refusal.value.facts["failure"] == "object_gone"


def test_a_store_that_refuses_the_parts_leaves_the_upload_open() -> None:
    house = House()
    file = house.uploaded()

    async def refuse(real: Any, *args: Any, **named: Any) -> None:
        raise StoreRefused("One or more of the specified parts could not be found.", store_code="InvalidPart")

    twist(house, "complete_upload", refuse)
    with pytest.raises(PartsDisagree) as refusal:
        run_straight(house.stories.uploads.complete(file.id, caller=ALICE))
    assert refusal.value.facts["store_code"] == "InvalidPart"
    assert house.record(file).upload_status is UploadStatus.UPLOADING
    assert complete(house, file).upload_status is UploadStatus.COMPLETED


def test_a_store_that_refuses_what_it_has_just_joined_for_another_is_no_failure() -> None:
    house = House()
    file = house.uploaded()

    async def too_late(real: Any, *args: Any, **named: Any) -> None:
        await real(*args, **named)
        raise StoreRefused("One or more of the specified parts could not be found.", store_code="InvalidPart")

    twist(house, "complete_upload", too_late)
    done = run_straight(house.stories.uploads.complete(file.id, caller=ALICE))
    assert done.upload_status is UploadStatus.COMPLETED


# Two at once ---------------------------------------------------------------------------------------------------------


def points_of(tell: Any) -> int:
    """At how many points a story can be left alone."""
    return sum(1 for _ in every_point(tell))


def test_two_completions_end_in_the_same_file_wherever_one_waits() -> None:
    for point in range(1, points_of(dying({})) + 1):
        house = House(paused=True)
        file = house.uploaded(checksum_algorithm=CRC32, part_checksums=SUMS)
        slow = house.stories.uploads.complete(file.id, caller=ALICE)
        for _ in range(point):
            slow.send(None)
        fast = complete(house, file)
        assert drive(slow) == fast
        assert house.bytes_of(file) == CONTENT


def test_a_file_deleted_while_it_is_completed_leaves_nothing() -> None:
    for point in range(1, points_of(dying({})) + 1):
        house = House(paused=True)
        file = house.uploaded(checksum_algorithm=CRC32, part_checksums=SUMS)
        slow = house.stories.uploads.complete(file.id, caller=ALICE)
        for _ in range(point):
            slow.send(None)
        house.clock.wait(120)  # the slow one counts as dead
        run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
        try:
            drive(slow)
        except (NotFound, UploadGone, Conflict):
            assert house.record_or_none(file) is None
        assert_nothing_left(house, file)


def test_a_loss_is_not_declared_while_another_request_is_completing() -> None:
    house = House(paused=True)
    file = house.uploaded()
    slow = house.stories.uploads.complete(file.id, caller=ALICE)
    while house.record(file).upload_status is UploadStatus.UPLOADING:
        slow.send(None)
    run_straight(house.store.abort_upload(file.key, file.upload_id or ""))
    with pytest.raises(Conflict) as refusal:
        complete(house, file)
    assert refusal.value.error_code == "upload_completing"
    house.clock.wait(120)
    with pytest.raises(UploadGone):
        complete(house, file)
    assert house.record(file).upload_status is UploadStatus.FAILED
    with pytest.raises(UploadGone):
        drive(slow)


def test_a_false_alarm_does_not_take_a_finished_file_away() -> None:
    """One request finds the object wrong; another has found it right a moment before."""
    house = House(paused=True)
    file = house.uploaded(checksum_algorithm=CRC32, part_checksums=SUMS)
    slow = house.stories.uploads.complete(file.id, caller=ALICE)

    async def rotten(real: Any, key: str) -> Any:
        return _with(await real(key), checksum="crc32:AAAAAA==")

    twist(house, "head", rotten)
    while house.bytes_of(file) is None:
        slow.send(None)
    done = complete(house, file)
    assert drive(slow) == done
    assert house.bytes_of(file) == CONTENT


def test_what_the_store_joins_although_the_upload_was_given_up_goes() -> None:
    """A store may take minutes to join; an abort that comes meanwhile finds neither the upload nor the object."""
    house = House()
    file = house.uploaded()

    async def slowly(real: Any, *args: Any, **named: Any) -> None:
        upload = house.store._uploads[file.upload_id or ""]
        house.clock.wait(120)
        await house.calm.uploads.abort(file.id, caller=ALICE)
        house.store._uploads[file.upload_id or ""] = upload
        await real(*args, **named)

    twist(house, "complete_upload", slowly)
    with pytest.raises(Conflict) as refusal:
        run_straight(house.stories.uploads.complete(file.id, caller=ALICE))
    assert refusal.value.error_code == "upload_aborted"
    assert_nothing_left(house, file)
