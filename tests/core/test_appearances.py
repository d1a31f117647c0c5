"""Objects that the store says have appeared, in any order, late, twice and falsely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.house import ALICE, CONTENT, House, every_point, new

from partway.core.appearances import Appearances, Noted
from partway.core.blocking import run_straight
from partway.core.copies import NewCopy
from partway.core.file import File, UploadStatus
from partway.errors import PartwayError

FEW = b"few"


def note(house: House, *keys: str) -> Noted:
    appearances = Appearances(records=house.records, completion=house.calm.uploads.completion)
    return run_straight(appearances.note(keys))


def single_put(house: House, *, sent: bytes | None = FEW) -> File:
    """A small file of a batch, sent or not, whose client is not heard of again."""
    (begun,) = run_straight(house.calm.batches.initiate([new(FEW)], caller=ALICE))
    assert not isinstance(begun, PartwayError)
    assert begun.file.single_put
    if sent is not None:
        house.send(begun.signed, sent)
    return begun.file


def test_a_file_that_was_sent_is_completed_without_its_client() -> None:
    house = House()
    file = single_put(house)
    assert note(house, file.key) == Noted(completed=1)
    assert house.record(file).upload_status is UploadStatus.COMPLETED
    assert note(house, file.key) == Noted(ignored=1)
    done = run_straight(house.calm.uploads.complete(file.id, caller=ALICE))
    assert done == house.record(file)


def test_what_has_not_appeared_stays_open() -> None:
    house = House()
    single, parts, sent = single_put(house, sent=None), house.begin(), house.uploaded()
    assert note(house, single.key, parts.key, sent.key) == Noted(open=3)
    for file in (single, parts, sent):
        assert house.record(file) == file
    assert run_straight(house.calm.uploads.complete(sent.id, caller=ALICE)).upload_status is UploadStatus.COMPLETED


def test_an_object_of_somebody_else_ends_no_upload_that_can_still_come() -> None:
    house = House()
    file = house.begin()
    house.plant(file, CONTENT, token="another's")
    assert note(house, file.key) == Noted(open=1)
    assert house.open_uploads(file)


def test_objects_that_are_not_what_was_begun_fail() -> None:
    house = House()
    wrong_size = house.begin()
    house.plant(wrong_size, CONTENT + b"!")
    foreign = single_put(house, sent=None)
    house.plant(foreign, FEW, token="another's")
    assert note(house, wrong_size.key, foreign.key) == Noted(failed=2)
    assert house.record(wrong_size).failure == "size_mismatch"
    assert house.bytes_of(wrong_size) is None
    assert house.record(foreign).failure == "object_not_ours"
    assert house.bytes_of(foreign) == FEW


def test_keys_that_nobody_waits_for_are_ignored() -> None:
    house = House()
    aborted, done = house.begin(), house.finished()
    run_straight(house.calm.uploads.abort(aborted.id, caller=ALICE))
    before = house.record(aborted), house.record(done)
    keys = [aborted.key, done.key, "files/unknown", "", "/", "ключ", "a\0b", "\ud800", "k" * 2000]
    assert note(house, *keys) == Noted(ignored=len(keys))
    assert (house.record(aborted), house.record(done)) == before


def test_a_completion_that_is_under_way_is_left_to_its_request_until_that_shows_no_life() -> None:
    house = House()
    file = house.uploaded()
    house.plant(file, CONTENT)
    now = house.clock.now()
    run_straight(house.records.change(file.id, upload_status=UploadStatus.COMPLETING, modified=now))
    assert note(house, file.key) == Noted(open=1)
    house.clock.wait(61)
    assert note(house, file.key) == Noted(completed=1)


def test_wherever_a_completion_dies_the_notification_and_the_client_agree() -> None:
    for house in every_point(lambda house: house.stories.uploads.complete(house.uploaded().id, caller=ALICE)):
        (file,) = house.records._files.values()
        house.clock.wait(61)
        joined = house.bytes_of(file) is not None
        noted = note(house, file.key)
        assert noted == (
            Noted(ignored=1)
            if file.upload_status is UploadStatus.COMPLETED
            else Noted(completed=1)
            if joined
            else Noted(open=1)
        )
        done = run_straight(house.calm.uploads.complete(file.id, caller=ALICE))
        assert done.upload_status is UploadStatus.COMPLETED
        assert house.bytes_of(done) == CONTENT


def test_wherever_a_notification_dies_it_is_taken_up_again() -> None:
    def tell(house: House) -> object:
        file = single_put(house)
        uploads = house.stories.uploads
        return Appearances(records=house.records, completion=uploads.completion).note([file.key])

    for house in every_point(tell):  # type: ignore[arg-type]
        (file,) = house.records._files.values()
        note(house, file.key)
        assert house.record(file).upload_status is UploadStatus.COMPLETED
        assert house.bytes_of(file) == FEW


def test_a_copy_that_is_being_made_is_left_alone() -> None:
    house = House()
    source = house.finished()
    copied = run_straight(house.calm.copies.copy(source.id, NewCopy(), caller=ALICE))
    run_straight(house.records.change(copied.id, upload_status=UploadStatus.PENDING))
    assert note(house, copied.key) == Noted(ignored=1)


@given(st.permutations(range(4)), st.data())
def test_order_and_repetition_do_not_matter(order: list[int], data: st.DataObject) -> None:
    house = House()
    files = [single_put(house), single_put(house, sent=None), house.begin(), single_put(house)]
    for place in [*order, *data.draw(st.lists(st.sampled_from(range(4))))]:
        note(house, files[place].key)
    statuses = [house.record(file).upload_status for file in files]
    done, waiting = UploadStatus.COMPLETED, UploadStatus.UPLOADING
    assert statuses == [done, waiting, waiting, done]


def test_records_that_know_no_keys_are_refused() -> None:
    house = House(powers=False)
    records = house.stories.uploads._records
    with pytest.raises(PartwayError):
        Appearances(records=records, completion=house.calm.uploads.completion)
