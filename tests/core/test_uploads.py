"""The story of an upload in memory: begin, sign, follow, give up, and go on after a crash at any point."""

from __future__ import annotations

import base64
import zlib
from datetime import timedelta
from typing import Any

import pytest
from tests.core.house import (
    ALICE,
    BOB,
    CONTENT,
    PART_SIZE,
    STAFF,
    UPLOAD_TTL,
    URL_EXPIRY,
    House,
    Killed,
    drive,
    every_point,
    killed_at,
    new,
)

from partway.core.blocking import run_straight
from partway.core.checksums import ChecksumAlgorithm
from partway.core.file import File, UploadStatus
from partway.core.parts import ClaimedPart, StoredPart
from partway.errors import Conflict, InvalidInput, NotFound, PartsDisagree, PartsMissing, StoreError, UploadGone

CRC32 = ChecksumAlgorithm.CRC32


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def assert_nothing_left(house: House, file: File) -> None:
    assert house.bytes_of(file) is None
    assert house.open_uploads(file) == []


def test_an_upload_from_its_beginning_to_its_end() -> None:
    house = House()
    begun = house.initiate()
    assert begun.file.upload_status is UploadStatus.UPLOADING
    assert [part.part_number for part in begun.signed.parts] == [1, 2, 3, 4]
    assert begun.signed.expires_in == URL_EXPIRY
    claimed = house.send(begun.signed, CONTENT)
    done = run_straight(house.stories.uploads.complete(begun.file.id, caller=ALICE, claimed=claimed))
    assert done.upload_status is UploadStatus.COMPLETED
    assert done.settled
    assert done.upload_id is None
    assert done.etag is not None
    assert done.completed == house.clock.now()
    assert house.record(done) == done
    assert house.bytes_of(done) == CONTENT


def test_only_the_urls_asked_for_are_signed() -> None:
    house = House()
    assert [part.part_number for part in house.initiate(presign_parts=2).signed.parts] == [1, 2]
    assert list(house.initiate(presign_parts=0).signed.parts) == []
    assert len(house.initiate(presign_parts=99).signed.parts) == 4


def test_the_same_key_gives_the_same_upload() -> None:
    house = House()
    first, again = house.initiate(key="k"), house.initiate(key="k")
    assert again.file == first.file
    assert [part.part_number for part in again.signed.parts] == [1, 2, 3, 4]
    assert house.open_uploads(first.file) == [first.file.upload_id]
    assert house.initiate(key="k", caller=BOB).file.id != first.file.id


@pytest.mark.parametrize("other", [{"file_name": "b.txt"}, {"fingerprint": "f"}, {"checksum_algorithm": CRC32}])
def test_the_same_key_with_another_request_is_refused(other: dict[str, Any]) -> None:
    house = House()
    house.initiate(key="k")
    with pytest.raises(Conflict) as refusal:
        house.initiate(key="k", **other)
    assert refusal.value.error_code == "idempotency_key_reused"


def test_the_key_of_an_upload_that_ended_gives_how_it_ended() -> None:
    house = House()
    begun = house.initiate(key="k")
    run_straight(house.stories.uploads.abort(begun.file.id, caller=ALICE))
    again = house.initiate(key="k")
    assert again.file.id == begun.file.id
    assert again.file.upload_status is UploadStatus.ABORTED
    assert list(again.signed.parts) == []


def test_an_initiation_killed_anywhere_is_taken_up_by_its_key() -> None:
    points = 0
    for house in every_point(lambda house: house.stories.uploads.initiate(new(), caller=ALICE, idempotency_key="k")):
        points += 1
        begun = house.initiate(key="k")
        assert begun.file.upload_status is UploadStatus.UPLOADING
        assert house.open_uploads(begun.file) == [begun.file.upload_id]
        house.send(begun.signed, CONTENT)
        done = run_straight(house.calm.uploads.complete(begun.file.id, caller=ALICE))
        assert house.bytes_of(done) == CONTENT
        assert house.open_uploads(done) == []
    assert points >= 6


def test_an_initiation_killed_anywhere_can_be_aborted() -> None:
    for house in every_point(lambda house: house.stories.uploads.initiate(new(), caller=ALICE, idempotency_key="k")):
        for file in list(house.records._files.values()):
            run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
            assert_nothing_left(house, file)
            house.clock.wait(61)  # what was not opened may be opened while it is aborted
            run_straight(house.calm.uploads.settling.reclaim(owner=None))
            assert house.record(file).settled


def test_an_upload_that_is_opened_behind_its_abort_by_a_request_that_dies_is_dropped() -> None:
    house = House(paused=True)
    opening = house.stories.uploads.initiate(new(), caller=ALICE)
    while not house.records._files:
        opening.send(None)
    (file,) = house.records._files.values()
    run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
    while not house.open_uploads(file):
        opening.send(None)
    opening.close()
    run_straight(house.calm.uploads.settling.reclaim(owner=None))
    assert house.open_uploads(file) != []
    house.clock.wait(61)
    assert run_straight(house.calm.uploads.settling.reclaim(owner=None)) == 1
    assert_nothing_left(house, file)
    assert house.record(file).settled


def test_a_pending_upload_takes_no_parts_yet() -> None:
    house = House(paused=True)
    with pytest.raises(Killed):
        killed_at(2, house.stories.uploads.initiate(new(), caller=ALICE))
    (file,) = house.records._files.values()
    for story in (
        house.calm.uploads.presign(file.id, [1], caller=ALICE),
        house.calm.uploads.complete(file.id, caller=ALICE),
    ):
        with pytest.raises(Conflict) as refusal:
            run_straight(story)
        assert refusal.value.error_code == "upload_pending"


@pytest.mark.parametrize("point", [3, 4])
def test_of_two_that_open_the_same_upload_one_wins_and_nothing_is_left_of_the_other(point: int) -> None:
    """The first is left alone before or after its multipart upload was opened; the second goes past it."""
    house = House(paused=True)
    slow = house.stories.uploads.initiate(new(), caller=ALICE, idempotency_key="k")
    for _ in range(point):
        slow.send(None)
    fast = house.initiate(key="k")
    begun = drive(slow)
    assert begun.file.upload_id == fast.file.upload_id
    assert house.open_uploads(begun.file) == [begun.file.upload_id]


@pytest.mark.parametrize("point", [3, 4, 5])
def test_what_is_deleted_while_it_is_opened_leaves_nothing(point: int) -> None:
    house = House(paused=True)
    opening = house.stories.uploads.initiate(new(), caller=ALICE)
    for _ in range(point):
        opening.send(None)
    (file,) = house.records._files.values()
    run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
    with pytest.raises(NotFound):
        drive(opening)
    assert_nothing_left(house, file)


# State ---------------------------------------------------------------------------------------------------------------


def test_the_state_says_what_the_store_holds() -> None:
    house = House()
    begun = house.initiate()
    house.put(begun.signed.parts[1], CONTENT[4:8])
    state = run_straight(house.stories.uploads.state(begun.file.id, caller=ALICE))
    assert [part.part_number for part in state.held.parts] == [2]
    assert state.held.missing == (1, 3, 4)
    assert state.held.size == PART_SIZE


def test_the_state_of_an_upload_that_the_store_finished_is_finished() -> None:
    house = House()
    file = house.uploaded()
    parts = run_straight(house.store.list_parts(file.key, file.upload_id or ""))
    run_straight(house.store.complete_upload(file.key, file.upload_id or "", parts))
    state = run_straight(house.stories.uploads.state(file.id, caller=ALICE))
    assert state.file.upload_status is UploadStatus.COMPLETED
    assert house.record(file) == state.file


def test_the_state_of_an_upload_that_the_store_lost_is_failed() -> None:
    house = House()
    file = house.begin()
    run_straight(house.store.abort_upload(file.key, file.upload_id or ""))
    state = run_straight(house.stories.uploads.state(file.id, caller=ALICE))
    assert state.file.upload_status is UploadStatus.FAILED
    assert state.file.failure == "upload_gone"
    assert state.held.missing == (1, 2, 3, 4)


def test_nobody_else_sees_an_upload_but_staff() -> None:
    house = House()
    file = house.begin()
    uploads = house.stories.uploads
    for story in (
        uploads.state(file.id, caller=BOB),
        uploads.presign(file.id, [1], caller=BOB),
        uploads.report(file.id, [], caller=BOB),
        uploads.complete(file.id, caller=BOB),
        uploads.abort(file.id, caller=BOB),
    ):
        with pytest.raises(NotFound):
            run_straight(story)
    assert run_straight(uploads.state(file.id, caller=STAFF)).file == file


def test_what_is_deleted_is_not_found() -> None:
    house = House()
    file = house.finished()
    run_straight(house.calm.files.delete(file.id, caller=ALICE))
    with pytest.raises(NotFound):
        run_straight(house.stories.uploads.state(file.id, caller=ALICE))


# Signing and reporting -----------------------------------------------------------------------------------------------


def test_fresh_urls_for_some_parts() -> None:
    house = House()
    file = house.begin(presign_parts=0)
    signed = run_straight(house.stories.uploads.presign(file.id, [3, 1, 3], caller=ALICE))
    assert [part.part_number for part in signed.parts] == [3, 1]
    house.send(signed, CONTENT)


@pytest.mark.parametrize(
    ("numbers", "checksums", "code"),
    [
        ([], [], "invalid_input"),
        ([5], [], "invalid_input"),
        ([0], [], "invalid_input"),
        ([1, 2], [crc32(b"part")], "invalid_input"),
        ([1], [], "checksum_required"),
        ([1], ["no checksum"], "invalid_checksum"),
    ],
)
def test_what_cannot_be_signed(numbers: list[int], checksums: list[str], code: str) -> None:
    house = House()
    file = house.begin(checksum_algorithm=CRC32)
    with pytest.raises(InvalidInput) as refusal:
        run_straight(house.stories.uploads.presign(file.id, numbers, caller=ALICE, checksums=checksums))
    assert refusal.value.error_code == code


def test_a_part_goes_only_with_the_checksum_that_was_signed() -> None:
    house = House()
    file = house.begin(checksum_algorithm=CRC32)
    signed = run_straight(
        house.stories.uploads.presign(file.id, [1], caller=ALICE, checksums=[crc32(CONTENT[:PART_SIZE])])
    )
    assert house.put(signed.parts[0], b"evil").status == 400
    house.send(signed, CONTENT)


def test_progress_is_counted_in_reports() -> None:
    house = House()
    file = house.begin()
    reports = [StoredPart(part_number=number, size=0, etag="") for number in (1, 4, 4)]
    progress = run_straight(house.stories.uploads.report(file.id, reports, caller=ALICE))
    assert (progress.uploaded_parts, progress.uploaded_size) == (2, PART_SIZE + len(CONTENT) % PART_SIZE)
    with pytest.raises(InvalidInput):
        run_straight(house.stories.uploads.report(file.id, [StoredPart(part_number=5, size=0, etag="")], caller=ALICE))


def test_the_deadline_slides_while_the_client_is_alive_but_not_with_every_word() -> None:
    house = House()
    file = house.begin()
    assert file.expires == house.clock.now() + timedelta(seconds=UPLOAD_TTL)
    house.clock.wait(UPLOAD_TTL / 48)
    run_straight(house.stories.uploads.presign(file.id, [1], caller=ALICE))
    assert house.record(file).expires == file.expires
    house.clock.wait(UPLOAD_TTL / 24)
    run_straight(house.stories.uploads.report(file.id, [], caller=ALICE))
    slid = house.record(file).expires
    assert slid == house.clock.now() + timedelta(seconds=UPLOAD_TTL)
    house.clock.wait(UPLOAD_TTL / 2)
    run_straight(house.stories.uploads.presign(file.id, [1], caller=ALICE))
    assert house.record(file).expires > slid


# Giving up -----------------------------------------------------------------------------------------------------------


def test_an_aborted_upload_leaves_nothing_and_twice_is_fine() -> None:
    house = House()
    begun = house.initiate()
    house.send(begun.signed, CONTENT)
    for _ in range(2):
        run_straight(house.stories.uploads.abort(begun.file.id, caller=ALICE))
        assert_nothing_left(house, begun.file)
        record = house.record(begun.file)
        assert record.upload_status is UploadStatus.ABORTED
        assert record.settled
        assert record.upload_id is None
    assert house.put(begun.signed.parts[0], CONTENT[:PART_SIZE]).status == 404
    with pytest.raises(Conflict) as refusal:
        run_straight(house.stories.uploads.complete(begun.file.id, caller=ALICE))
    assert refusal.value.error_code == "upload_aborted"


def test_a_completed_upload_is_not_aborted() -> None:
    house = House()
    file = house.finished()
    with pytest.raises(Conflict) as refusal:
        run_straight(house.stories.uploads.abort(file.id, caller=ALICE))
    assert refusal.value.error_code == "upload_completed"
    assert house.bytes_of(file) == CONTENT


def test_an_abort_killed_anywhere_is_finished_by_the_next() -> None:
    begun: dict[int, File] = {}

    def abort(house: House) -> Any:
        file = begun[id(house)] = house.uploaded()
        return house.stories.uploads.abort(file.id, caller=ALICE)

    for house in every_point(abort):
        file = begun[id(house)]
        run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
        assert_nothing_left(house, file)
        assert house.record(file).upload_status is UploadStatus.ABORTED
        assert house.record(file).settled


def test_an_abort_killed_anywhere_still_lets_the_file_be_deleted_whole() -> None:
    begun: dict[int, File] = {}

    def abort(house: House) -> Any:
        file = begun[id(house)] = house.uploaded()
        return house.stories.uploads.abort(file.id, caller=ALICE)

    for house in every_point(abort):
        file = begun[id(house)]
        run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
        assert_nothing_left(house, file)
        assert run_straight(house.records.get(file.id)) is None


def test_an_abort_against_a_completion_under_way_is_refused() -> None:
    house = House(paused=True)
    file = house.uploaded()
    completing = house.stories.uploads.complete(file.id, caller=ALICE)
    while house.record(file).upload_status is UploadStatus.UPLOADING:
        completing.send(None)
    with pytest.raises(Conflict) as refusal:
        run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
    assert refusal.value.error_code == "upload_completing"
    assert drive(completing).upload_status is UploadStatus.COMPLETED


def test_a_completion_that_died_can_be_aborted_after_a_while() -> None:
    house = House(paused=True)
    file = house.uploaded()
    completing = house.stories.uploads.complete(file.id, caller=ALICE)
    while house.record(file).upload_status is UploadStatus.UPLOADING:
        completing.send(None)
    completing.close()
    house.clock.wait(120)
    run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
    assert_nothing_left(house, file)
    assert house.record(file).upload_status is UploadStatus.ABORTED


def test_a_completion_that_died_after_the_store_joined_is_finished_not_aborted() -> None:
    house = House(paused=True)
    file = house.uploaded()
    completing = house.stories.uploads.complete(file.id, caller=ALICE)
    while house.bytes_of(file) is None:
        completing.send(None)
    completing.close()
    house.clock.wait(120)
    with pytest.raises(Conflict) as refusal:
        run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
    assert refusal.value.error_code == "upload_completed"
    assert house.record(file).upload_status is UploadStatus.COMPLETED
    assert house.bytes_of(file) == CONTENT


def test_an_abort_that_meets_a_finished_completion_keeps_the_file() -> None:
    house = House(paused=True)
    file = house.uploaded()
    abort = house.stories.uploads.abort(file.id, caller=ALICE)
    abort.send(None)
    abort.send(None)
    run_straight(house.calm.uploads.complete(file.id, caller=ALICE))
    with pytest.raises(Conflict) as refusal:
        drive(abort)
    assert refusal.value.error_code == "upload_completed"
    assert house.bytes_of(file) == CONTENT


# One PUT -------------------------------------------------------------------------------------------------------------


def single(house: House, content: bytes = b"tiny", **asked: Any) -> Any:
    """Begin a file that goes by one PUT."""
    (begun,) = run_straight(house.stories.batches.initiate([new(content, **asked)], caller=ALICE))
    assert begun.file.single_put
    return begun


def test_a_single_put_is_missing_until_it_is_there() -> None:
    house = House()
    begun = single(house)
    with pytest.raises(PartsMissing) as refusal:
        run_straight(house.stories.uploads.complete(begun.file.id, caller=ALICE))
    assert refusal.value.facts["missing"] == [1]
    assert run_straight(house.stories.uploads.state(begun.file.id, caller=ALICE)).held.missing == (1,)
    house.send(begun.signed, b"tiny")
    done = run_straight(house.stories.uploads.complete(begun.file.id, caller=ALICE))
    assert done.upload_status is UploadStatus.COMPLETED
    assert house.put(begun.signed.parts[0], b"evil").status == 412


def test_the_state_of_a_single_put_that_is_there_is_finished() -> None:
    house = House()
    begun = single(house)
    house.send(begun.signed, b"tiny")
    state = run_straight(house.stories.uploads.state(begun.file.id, caller=ALICE))
    assert state.file.upload_status is UploadStatus.COMPLETED


def test_a_fresh_url_for_a_single_put_demands_what_the_first_did() -> None:
    house = House()
    begun = single(house, checksum_algorithm=CRC32, part_checksums=[crc32(b"tiny")])
    presign = house.stories.uploads.presign
    with pytest.raises(PartsDisagree):
        run_straight(presign(begun.file.id, [1], caller=ALICE, checksums=[crc32(b"evil")]))
    signed = run_straight(presign(begun.file.id, [1], caller=ALICE, checksums=[crc32(b"tiny")]))
    assert house.put(signed.parts[0], b"evil").status == 400
    house.send(signed, b"tiny")
    done = run_straight(house.stories.uploads.complete(begun.file.id, caller=ALICE))
    assert done.checksum == f"crc32:{crc32(b'tiny')}"


def test_a_store_that_overwrites_takes_no_single_put() -> None:
    house = House()
    begun = single(house)
    with pytest.raises(StoreError):
        drive(House(powers=False).stories.uploads.sign_single_put(begun.file))


def test_an_aborted_single_put_is_not_settled_while_its_url_lives() -> None:
    house = House()
    begun = single(house)
    run_straight(house.stories.uploads.abort(begun.file.id, caller=ALICE))
    assert not house.record(begun.file).settled
    house.send(begun.signed, b"tiny")
    run_straight(house.stories.uploads.abort(begun.file.id, caller=ALICE))
    assert_nothing_left(house, begun.file)


def test_a_file_that_the_store_lost_is_told_so_again() -> None:
    house = House()
    file = house.begin()
    run_straight(house.store.abort_upload(file.key, file.upload_id or ""))
    for _ in range(2):
        with pytest.raises(UploadGone):
            run_straight(house.stories.uploads.complete(file.id, caller=ALICE))


def test_a_claim_that_contradicts_itself_or_the_plan_is_refused() -> None:
    house = House()
    file = house.begin(checksum_algorithm=CRC32)
    for claimed in (
        [ClaimedPart(1, "a"), ClaimedPart(1, "b")],
        [ClaimedPart(9)],
        [ClaimedPart(1, "", "no checksum")],
    ):
        with pytest.raises(InvalidInput):
            run_straight(house.stories.uploads.complete(file.id, caller=ALICE, claimed=claimed))
