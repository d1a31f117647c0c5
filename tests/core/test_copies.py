"""The story of a copy in memory: what it is, who may make it, and a copying that fails or dies anywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.core.house import ALICE, BOB, CONTENT, SETTINGS, STAFF, House, drive, every_point, killed_at
from tests.core.test_uploads import assert_nothing_left

from partway.core.blocking import run_straight
from partway.core.copies import Copies, NewCopy
from partway.core.file import File, UploadStatus
from partway.core.keys import KeyTemplate
from partway.core.policy import UploadPolicy
from partway.core.ports import FileQuery
from partway.core.uploads import Uploads
from partway.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    ObjectGone,
    PolicyRefused,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)


def copies_by(house: House, **settings: Any) -> Copies:
    """Copies by other settings than the house's."""
    uploads = Uploads(
        store=house.store, records=house.records, settings=replace(SETTINGS, **settings), clock=house.clock
    )
    return Copies(store=house.store, records=house.records, uploads=uploads, files=house.calm.files, clock=house.clock)


def copied(house: House, file: File, *, caller: Any = ALICE, key: str | None = None, **asked: Any) -> File:
    return run_straight(house.calm.copies.copy(file.id, NewCopy(**asked), caller=caller, idempotency_key=key))


def all_files(house: House) -> list[File]:
    return list(run_straight(house.records.page(FileQuery())).files)


def test_a_copy_is_a_file_of_its_own() -> None:
    house = House()
    source = house.finished(
        description="d", metadata={"a": 1}, is_public=True, parent_content_type="t", parent_object_id="1", folder="old"
    )
    copy = copied(house, source, folder="archives", metadata={"archived": True})
    assert (copy.upload_status, copy.settled) == (UploadStatus.COMPLETED, True)
    assert house.bytes_of(copy) == CONTENT
    assert copy.id != source.id
    assert copy.key != source.key
    assert copy.token != source.token
    assert "archives" in copy.key
    assert copy.copied_from == str(source.id)
    assert (copy.name, copy.file_name, copy.description) == (source.name, source.file_name, "d")
    assert copy.metadata == {"archived": True}
    assert not copy.is_public
    assert copy.parent_object_id is None
    run_straight(house.calm.files.delete(source.id, caller=ALICE, hard=True))
    assert house.bytes_of(copy) == CONTENT


def test_a_copy_keeps_what_is_not_said_and_takes_what_is() -> None:
    house = House()
    source = house.finished(metadata={"a": 1}, checksum_algorithm=None)
    assert copied(house, source).metadata == {"a": 1}
    named = copied(house, source, name="another", metadata={})
    assert (named.name, named.metadata) == ("another", {})


def test_a_copy_is_the_callers() -> None:
    house = House()
    source = house.finished()
    with pytest.raises(NotFound):
        copied(house, source, caller=BOB)
    assert copied(house, source, caller=STAFF).created_by == STAFF.id
    assert len(all_files(house)) == 2


@pytest.mark.parametrize(
    "asked", [{"folder": "../x"}, {"name": "n" * 256}, {"metadata": {"a": "x" * 20_000}}, {"name": "\0"}]
)
def test_copies_that_are_refused_leave_no_record(asked: dict[str, Any]) -> None:
    house = House()
    source = house.finished()
    with pytest.raises(InvalidInput):
        copied(house, source, **asked)
    assert [file.id for file in all_files(house)] == [source.id]


def test_a_copy_passes_todays_policy() -> None:
    house = House()
    source = house.finished()
    strict = copies_by(house, policy=UploadPolicy(max_file_size=1))
    with pytest.raises(PolicyRefused):
        run_straight(strict.copy(source.id, NewCopy(), caller=ALICE))


def test_copies_under_keys_that_can_repeat_overwrite_nothing() -> None:
    house = House()
    source = house.finished()
    plain = copies_by(house, key_template=KeyTemplate("{folder}/{name}", may_repeat=True))
    first, second = (run_straight(plain.copy(source.id, NewCopy(folder="a"), caller=ALICE)) for _ in range(2))
    assert first.key == "a/notes.txt"
    assert second.key != first.key
    run_straight(house.calm.files.delete(second.id, caller=ALICE, hard=True))
    assert house.bytes_of(first) == CONTENT


def test_only_a_finished_file_is_copied() -> None:
    house = House()
    with pytest.raises(Conflict):
        copied(house, house.begin())
    source = house.finished()
    run_straight(house.calm.files.delete(source.id, caller=ALICE))
    with pytest.raises(NotFound):
        copied(house, source)


def test_a_store_that_cannot_copy_says_so() -> None:
    house = House(powers=False)
    source = house.finished()
    with pytest.raises(StoreError) as refusal:
        drive(house.stories.copies.copy(source.id, NewCopy(), caller=ALICE))
    assert refusal.value.error_code == "not_supported"


def test_the_same_key_gives_the_same_copy() -> None:
    house = House()
    source, other = house.finished(), house.finished(b"another text")
    copy = copied(house, source, key="k")
    assert copied(house, source, key="k") == copy
    for refused in (lambda: copied(house, other, key="k"), lambda: house.begin(key="k")):
        with pytest.raises(Conflict) as refusal:
            refused()
        assert refusal.value.error_code == "idempotency_key_reused"


# When it fails -------------------------------------------------------------------------------------------------------


def failing(house: House, error: Exception) -> None:
    """Let the store's next copy end with an error, after it has made an object."""
    kept = house.store.copy_object

    async def copy_object(*args: Any, **named: Any) -> None:
        house.store.copy_object = kept  # type: ignore[method-assign]
        await kept(*args, **named)
        raise error

    house.store.copy_object = copy_object  # type: ignore[method-assign]


@pytest.mark.parametrize("error", [StoreRefused("no"), StoreUnavailable("not now"), ObjectGone("gone")])
def test_a_copy_that_fails_leaves_nothing(error: StoreError) -> None:
    house = House()
    source = house.finished()
    failing(house, error)
    with pytest.raises(type(error)):
        copied(house, source)
    assert [file.id for file in all_files(house)] == [source.id]
    assert list(house.store._objects) == [source.key]


def test_with_a_key_a_copy_goes_on_when_the_store_is_back() -> None:
    house = House()
    source = house.finished()
    failing(house, StoreUnavailable("not now"))
    with pytest.raises(StoreUnavailable):
        copied(house, source, key="k")
    (begun,) = [file for file in all_files(house) if file.id != source.id]
    assert begun.upload_status is UploadStatus.PENDING
    copy = copied(house, source, key="k")
    assert copy.id == begun.id
    assert house.bytes_of(copy) == CONTENT


def test_a_source_that_is_another_object_is_gone() -> None:
    house = House()
    source = house.finished()
    house.plant(source, b"something else")
    with pytest.raises(ObjectGone):
        copied(house, source)
    assert [file.id for file in all_files(house)] == [source.id]


def test_what_is_not_the_copy_is_refused_and_removed() -> None:
    house = House()
    source = house.finished()
    kept = house.store.copy_object

    async def shorter(source_key: str, key: str, **named: Any) -> None:
        await kept(source_key, key, **named)
        stored, body = house.store._objects[key]
        house.store._objects[key] = (replace(stored, size=3), body[:3])

    house.store.copy_object = shorter  # type: ignore[method-assign]
    with pytest.raises(StoreError) as refusal:
        copied(house, source)
    assert refusal.value.facts["failure"] == "size_mismatch"
    assert [file.id for file in all_files(house)] == [source.id]
    assert list(house.store._objects) == [source.key]


def test_a_copy_that_is_deleted_while_it_is_made_leaves_nothing() -> None:
    source_of: dict[int, File] = {}

    def tell(house: House) -> Any:
        source_of[id(house)] = house.finished()
        return house.stories.copies.copy(source_of[id(house)].id, NewCopy(), caller=ALICE)

    for point in range(1, 200):
        house = House(paused=True)
        story = tell(house)
        source = source_of[id(house)]
        for _ in range(point):
            try:
                story.send(None)
            except StopIteration:
                return
        begun = [file for file in all_files(house) if file.id != source.id]
        if not begun or begun[0].upload_status is UploadStatus.COMPLETED:
            continue
        run_straight(house.calm.files.delete(begun[0].id, caller=ALICE, hard=True))
        with pytest.raises((Conflict, NotFound)):
            drive(story)
        assert_nothing_left(house, begun[0])
        assert [file.id for file in all_files(house)] == [source.id]
    raise AssertionError("the story never ended")


def test_a_copying_killed_anywhere_is_given_up_or_goes_on() -> None:
    for key in (None, "k"):
        source_of: dict[int, File] = {}

        def tell(house: House, key: str | None = key, source_of: dict[int, File] = source_of) -> Any:
            source_of[id(house)] = house.finished()
            source = source_of[id(house)]
            return house.stories.copies.copy(source.id, NewCopy(), caller=ALICE, idempotency_key=key)

        for house in every_point(tell):
            source = source_of[id(house)]
            left = [file for file in all_files(house) if file.id != source.id]
            assert all(file.copied_from == str(source.id) for file in left)
            if key is not None:
                copy = copied(house, source, key=key)
                assert house.bytes_of(copy) == CONTENT
                assert {file.id for file in left} <= {copy.id}
            elif left and left[0].upload_status is not UploadStatus.COMPLETED:
                run_straight(house.calm.uploads.give_up(left[0]))
                assert_nothing_left(house, left[0])


def test_two_requests_with_one_key_make_one_copy() -> None:
    for point in range(1, 40):
        house = House(paused=True)
        source = house.finished()
        first = house.stories.copies.copy(source.id, NewCopy(), caller=ALICE, idempotency_key="k")
        try:
            for _ in range(point):
                first.send(None)
        except StopIteration:
            return
        second = copied(house, source, key="k")
        assert drive(first).id == second.id
        assert house.bytes_of(second) == CONTENT
        assert len(all_files(house)) == 2
    raise AssertionError("the story never ended")


def test_a_copy_made_again_under_another_etag_is_still_downloaded() -> None:
    house = House(paused=True)
    source = house.finished()
    first = house.stories.copies.copy(source.id, NewCopy(), caller=ALICE, idempotency_key="k")
    while not any(file.copied_from for file in all_files(house)):
        first.send(None)
    second = copied(house, source, key="k")
    kept = house.store.copy_object

    async def encrypted(source_key: str, key: str, **named: Any) -> None:
        await kept(source_key, key, **named)
        stored, body = house.store._objects[key]
        house.store._objects[key] = (replace(stored, etag="another"), body)

    type(house.stories.copies._store).copy_object = staticmethod(encrypted)  # type: ignore[attr-defined]
    assert drive(first).etag == "another"
    assert house.record(second).etag == "another"
    killed_at(None, house.stories.files.download(house.record(second)))
