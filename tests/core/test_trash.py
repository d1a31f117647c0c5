"""The story of many deletions in memory: each with its own outcome, and old trash emptied, also by one that dies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.core.house import ALICE, BOB, CONTENT, URL_EXPIRY, House, drive, every_point, new
from tests.core.test_uploads import assert_nothing_left

from partway.core.blocking import run_straight
from partway.core.file import File, UploadStatus
from partway.core.trash import Purge
from partway.errors import NotFound, PartwayError, StoreError, StoreUnavailable

MONTH = timedelta(days=30)


def delete_many(house: House, *files: File, hard: bool, **more: Any) -> list[PartwayError | None]:
    story = house.stories.trash.delete_many([file.id for file in files], caller=ALICE, hard=hard, **more)
    return drive(story)


def purge(house: House, *, limit: int = 1000) -> Purge:
    return drive(house.stories.trash.purge_trash(MONTH, limit=limit))


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("powers", [False, True])
def test_each_file_has_its_own_outcome(hard: bool, powers: bool) -> None:
    house = House(powers=powers)
    mine = [house.finished(), house.finished(), house.uploaded()]
    his, unknown = house.begin(caller=BOB), house.begin().evolve(id=uuid4())
    outcomes = delete_many(house, mine[0], his, mine[1], unknown, mine[0], mine[2], hard=hard)
    assert [type(each) for each in outcomes] == [type(None), NotFound, type(None), NotFound, type(None), type(None)]
    for file in mine:
        with pytest.raises(NotFound):
            run_straight(house.calm.files.get(file.id, caller=ALICE))
        assert (house.record_or_none(file) is None) == hard
    assert house.bytes_of(mine[0]) == (None if hard else CONTENT)
    assert_nothing_left(house, mine[2])
    assert house.record(his).deleted is None


def test_deleting_again_goes_on() -> None:
    house = House()
    files = [house.finished(), house.finished()]
    assert delete_many(house, *files, hard=False) == [None, None]
    assert delete_many(house, *files, hard=False) == [None, None]
    assert delete_many(house, *files, hard=True) == [None, None]
    assert [type(each) for each in delete_many(house, *files, hard=True)] == [NotFound, NotFound]


def away(house: House) -> Any:
    """Let the store's deletions fail; returns what brings it back."""
    kept = house.store.delete_objects

    async def delete_objects(keys: Any) -> Any:
        raise StoreUnavailable("not now")

    house.store.delete_objects = delete_objects  # type: ignore[method-assign]
    return lambda: setattr(house.store, "delete_objects", kept)


def test_files_whose_objects_cannot_be_removed_are_hidden_and_removed_later() -> None:
    house = House()
    file = house.finished()
    back = away(house)
    (outcome,) = delete_many(house, file, hard=True)
    assert isinstance(outcome, StoreUnavailable)
    with pytest.raises(NotFound):
        run_straight(house.calm.files.get(file.id, caller=ALICE))
    back()
    assert delete_many(house, file, hard=True) == [None]
    assert house.record_or_none(file) is None


def test_one_object_that_is_not_deleted_does_not_stop_the_others() -> None:
    house = House()
    files = [house.finished(), house.finished()]
    kept = house.store.delete_objects

    async def delete_objects(keys: Any) -> Any:
        await kept(keys[1:])
        return {keys[0]: "AccessDenied"}

    house.store.delete_objects = delete_objects  # type: ignore[method-assign]
    outcomes = delete_many(house, *files, hard=True)
    (error,) = [each for each in outcomes if each is not None]
    assert error.facts["store_code"] == "AccessDenied"
    assert [house.record_or_none(file) is None for file in files] == [each is None for each in outcomes]


# Old trash -----------------------------------------------------------------------------------------------------------


def deleted(house: House, file: File) -> File:
    run_straight(house.calm.files.delete(file.id, caller=ALICE))
    return house.record(file)


def test_old_trash_is_removed_the_oldest_first() -> None:
    house = House()
    first = deleted(house, house.finished())
    house.clock.wait(60)
    second = deleted(house, house.uploaded())
    house.clock.wait(60)
    third = deleted(house, house.finished())
    present = house.finished()
    house.clock.wait(MONTH.total_seconds() - 30)
    assert purge(house, limit=1) == Purge(removed=1, failed=0)
    assert house.record_or_none(first) is None
    assert house.bytes_of(first) is None
    assert purge(house) == Purge(removed=1, failed=0)
    assert house.record_or_none(second) is None
    assert purge(house) == Purge(removed=0, failed=0)
    assert house.record(third) == third
    assert house.record(present) == present


def test_a_restored_file_is_no_trash() -> None:
    house = House()
    file = deleted(house, house.finished())
    house.clock.wait(MONTH.total_seconds() + 1)
    restored = run_straight(house.calm.files.restore(file.id, caller=ALICE))
    assert purge(house) == Purge(removed=0, failed=0)
    assert house.record(file) == restored
    assert house.bytes_of(file) == CONTENT


def test_trash_that_may_have_been_removed_is_not_given_back() -> None:
    """The store has removed the object, and nobody was told."""
    house = House()
    file = deleted(house, house.finished())
    house.clock.wait(MONTH.total_seconds() + 1)
    run_straight(house.store.delete(file.key))
    back = away(house)
    assert purge(house) == Purge(removed=0, failed=1)
    with pytest.raises(NotFound):
        run_straight(house.calm.files.restore(file.id, caller=ALICE))
    back()
    assert purge(house) == Purge(removed=0, failed=0)
    assert run_straight(house.calm.uploads.settling.reclaim(owner=None)) == 1
    assert house.record_or_none(file) is None


def test_records_without_the_power_say_so() -> None:
    house = House(powers=False)
    with pytest.raises(StoreError) as refusal:
        purge(house)
    assert refusal.value.error_code == "not_supported"


def test_files_of_one_put_are_removed_together_and_remembered_until_their_urls_are_dead() -> None:
    house = House()
    begun = run_straight(house.calm.batches.initiate([new(b"tiny"), new(b"tiny")], caller=ALICE))
    for each in begun:
        house.send(each.signed, b"tiny")
    files = run_straight(house.calm.batches.complete([each.file.id for each in begun], caller=ALICE))
    asked: list[int] = []
    kept = house.store.delete_objects

    async def delete_objects(keys: Any) -> Any:
        asked.append(len(keys))
        return await kept(keys)

    house.store.delete_objects = delete_objects  # type: ignore[method-assign]
    assert delete_many(house, *files, hard=True) == [None, None]
    assert asked == [2]
    assert [house.record(file).purging is None for file in files] == [False, False]
    house.send(begun[0].signed, b"tiny")  # its URL lives, and brings the object back
    house.clock.wait(2 * URL_EXPIRY + 1)
    assert run_straight(house.calm.uploads.settling.reclaim(owner=None)) == 2
    assert [house.record_or_none(file) for file in files] == [None, None]
    assert house.bytes_of(files[0]) is None


def test_a_restoration_and_a_purge_at_once_agree() -> None:
    for point in range(1, 60):
        house = House(paused=True)
        file = deleted(house, house.finished())
        house.clock.wait(MONTH.total_seconds() + 1)
        purging = house.stories.trash.purge_trash(MONTH)
        try:
            for _ in range(point):
                purging.send(None)
        except StopIteration:
            return
        try:
            run_straight(house.calm.files.restore(file.id, caller=ALICE))
            is_restored = True
        except NotFound:
            is_restored = False
        drive(purging)
        standing = house.record_or_none(file)
        assert (standing is not None) == is_restored
        assert house.bytes_of(file) == (CONTENT if is_restored else None)
        assert standing is None or (standing.deleted, standing.purging) == (None, None)
    raise AssertionError("the story never ended")


def test_a_purge_killed_anywhere_is_finished_by_a_deletion() -> None:
    file_of: dict[int, File] = {}

    def tell(house: House) -> Any:
        file_of[id(house)] = deleted(house, house.finished())
        house.clock.wait(MONTH.total_seconds() + 1)
        return house.stories.trash.purge_trash(MONTH)

    for house in every_point(tell):
        file = file_of[id(house)]
        if house.record_or_none(file) is not None:
            assert file.upload_status is UploadStatus.COMPLETED
            run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
        assert house.record_or_none(file) is None
        assert house.bytes_of(file) is None


def test_under_a_key_that_can_repeat_only_our_own_object_is_deleted() -> None:
    house = House()
    files = [house.finished(), house.finished()]
    for file, token, key in zip(files, (files[0].token, "another"), ("ours.txt", "others.txt"), strict=True):
        copied = house.store.copy_object(
            file.key, key, source_etag=file.etag or "", size=file.file_size, token=token, content_type="text/plain"
        )
        run_straight(copied)
        run_straight(house.records.change(file.id, key=key))
    assert delete_many(house, *files, hard=True) == [None, None]
    assert "others.txt" in house.store._objects
    assert "ours.txt" not in house.store._objects
