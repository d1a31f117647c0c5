"""One file looked after at somebody's word."""

from __future__ import annotations

import contextlib
from uuid import uuid4

import pytest
from tests.core.house import ALICE, CONTENT, House, Killed, every_point, killed_at, new

from partway.core.blocking import run_straight
from partway.core.file import File, UploadStatus
from partway.core.ports import StoredObject
from partway.core.tending import Tended, Tending
from partway.core.verification import differences
from partway.errors import Conflict, NotFound, PartsMissing, UploadGone

DAY = 24 * 3600


def tend(house: House, file: File) -> Tended:
    tending = Tending(records=house.records, uploads=house.calm.uploads, clock=house.clock)
    return run_straight(tending.tend(file.id))


def only(house: House) -> File | None:
    """The one record that there is."""
    return next(iter(house.records._files.values()), None)


def test_an_upload_that_is_all_there_is_completed_and_then_needs_nothing() -> None:
    house = House()
    file = house.uploaded()
    assert tend(house, file) is Tended.COMPLETED
    assert house.bytes_of(file) == CONTENT
    assert tend(house, file) is Tended.NOTHING


def test_an_upload_that_is_not_all_there_stays_open_until_its_deadline() -> None:
    house = House()
    file = house.begin()
    with pytest.raises(PartsMissing):
        tend(house, file)
    assert house.record(file).upload_status is UploadStatus.UPLOADING
    house.clock.wait(2 * DAY)
    assert tend(house, file) is Tended.GIVEN_UP
    assert house.record(file).settled
    assert house.open_uploads(file) == []
    assert tend(house, file) is Tended.NOTHING


def test_an_upload_that_the_store_does_not_know_yet_waits_for_its_client() -> None:
    house = House(paused=True)
    story = house.stories.uploads.initiate(new(), caller=ALICE)
    with contextlib.suppress(Killed):
        killed_at(2, story)
    file = only(house)
    assert file is not None
    assert file.upload_status is UploadStatus.PENDING
    with pytest.raises(Conflict):
        tend(house, file)
    house.clock.wait(2 * DAY)
    assert tend(house, file) is Tended.GIVEN_UP


def test_a_completion_that_died_anywhere_is_finished() -> None:
    for house in every_point(lambda house: house.stories.uploads.complete(house.uploaded().id, caller=ALICE)):
        file = only(house)
        assert file is not None
        assert tend(house, file) in {Tended.COMPLETED, Tended.NOTHING}
        assert house.record(file).upload_status is UploadStatus.COMPLETED


def test_an_abort_that_died_anywhere_is_settled() -> None:
    for house in every_point(lambda house: house.stories.uploads.abort(house.begin().id, caller=ALICE)):
        file = only(house)
        assert file is not None
        if house.record(file).upload_status is UploadStatus.ABORTED:
            assert tend(house, file) in {Tended.SETTLED, Tended.NOTHING}
            assert house.record(file).settled
            assert house.open_uploads(file) == []


def test_a_removal_that_died_anywhere_is_gone_on_with() -> None:
    for house in every_point(lambda house: house.stories.files.delete(house.finished().id, caller=ALICE, hard=True)):
        file = only(house)
        if file is not None and file.purging is not None:
            assert tend(house, file) is Tended.REMOVED
            assert house.record_or_none(file) is None
            assert house.bytes_of(file) is None


def test_an_upload_that_the_store_has_lost_is_said_to_be_lost() -> None:
    house = House()
    file = house.begin()
    (upload_id,) = house.open_uploads(file)
    run_straight(house.store.abort_upload(file.key, upload_id))
    with pytest.raises(UploadGone):
        tend(house, file)
    assert house.record(file).upload_status is UploadStatus.FAILED
    with pytest.raises(NotFound):
        tend(house, file.evolve(id=uuid4()))


def test_differences_are_those_that_both_sides_know_of() -> None:
    house = House()
    file = house.finished()
    stored = run_straight(house.store.head(file.key))
    assert stored is not None
    assert differences(file, stored) == []
    assert _what(file, stored, size=1, etag="other") == ["size", "etag"]
    assert _what(file, stored, token="another's") == ["token"]
    assert _what(file, stored, token=None) == []
    summed = file.evolve(checksum="crc32:AAAAAA==")
    assert _what(summed, stored, checksum="crc32:BBBBBB==") == ["checksum"]
    assert _what(summed, stored, checksum="sha256:BBBBBB==") == []
    assert _what(summed, stored, checksum=None) == []


def _what(file: File, stored: StoredObject, **changes: object) -> list[str]:
    values = {field: getattr(stored, field) for field in StoredObject.__slots__} | changes
    return [each.what for each in differences(file, StoredObject(**values))]
