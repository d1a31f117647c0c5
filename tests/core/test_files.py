"""The story of files in memory: find, edit, delete, download, and a deletion that dies anywhere."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from tests.core.house import ALICE, BOB, CONTENT, STAFF, URL_EXPIRY, House, drive, every_point, new
from tests.core.test_uploads import assert_nothing_left

from partway.core.blocking import iterate_straight, run_straight
from partway.core.file import File, UploadStatus
from partway.core.files import MAX_EXPIRY
from partway.core.ports import FileQuery
from partway.errors import Conflict, InvalidInput, NotFound, ObjectGone


def test_everybody_sees_their_own_and_staff_sees_all() -> None:
    house = House()
    hers, his = house.finished(), house.begin(caller=BOB)
    page = house.stories.files.page
    assert list(run_straight(page(FileQuery(), caller=ALICE)).files) == [hers]
    assert list(run_straight(page(FileQuery(owner="alice"), caller=BOB)).files) == [his]
    assert {file.id for file in run_straight(page(FileQuery(), caller=STAFF)).files} == {hers.id, his.id}
    assert list(run_straight(page(FileQuery(owner="bob"), caller=STAFF)).files) == [his]
    assert run_straight(house.stories.files.get(hers.id, caller=STAFF)) == hers
    with pytest.raises(NotFound):
        run_straight(house.stories.files.get(hers.id, caller=BOB))


def test_what_can_be_edited_and_what_cannot() -> None:
    house = House()
    file = house.finished()
    house.clock.wait(5)
    asked = {"name": "A", "description": "B", "metadata": {"c": 1}, "is_public": True, "file_size": 1, "nonsense": 2}
    changed = run_straight(house.stories.files.update(file.id, asked, caller=ALICE))
    assert (changed.name, changed.description, changed.metadata, changed.is_public) == ("A", "B", {"c": 1}, True)
    assert changed.file_size == len(CONTENT)
    assert changed.modified == house.clock.now()
    assert run_straight(house.stories.files.update(file.id, {"file_size": 1}, caller=ALICE)) == changed


@pytest.mark.parametrize("asked", [{"name": " "}, {"name": "n" * 256}, {"description": "d" * 10_001}, {"name": "\0"}])
def test_edits_that_are_refused(asked: dict[str, Any]) -> None:
    house = House()
    file = house.finished()
    with pytest.raises(InvalidInput):
        run_straight(house.stories.files.update(file.id, asked, caller=ALICE))
    assert house.record(file) == file


def test_an_edit_of_what_is_removed_meanwhile_is_not_found() -> None:
    house = House(paused=True)
    file = house.finished()
    edit = house.stories.files.update(file.id, {"name": "A"}, caller=ALICE)
    edit.send(None)
    edit.send(None)
    run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
    with pytest.raises(NotFound):
        drive(edit)


# Deleting ------------------------------------------------------------------------------------------------------------


def test_a_soft_deletion_hides_and_keeps() -> None:
    house = House()
    file = house.finished()
    for _ in range(2):
        run_straight(house.stories.files.delete(file.id, caller=ALICE))
    with pytest.raises(NotFound):
        run_straight(house.stories.files.get(file.id, caller=ALICE))
    assert house.bytes_of(file) == CONTENT
    deleted = run_straight(house.stories.files.page(FileQuery(deleted=True), caller=ALICE))
    assert [each.id for each in deleted.files] == [file.id]
    run_straight(house.stories.files.delete(file.id, caller=ALICE, hard=True))
    assert_nothing_left(house, file)


@pytest.mark.parametrize("hard", [False, True])
def test_nobody_deletes_anothers(hard: bool) -> None:
    house = House()
    file = house.finished()
    with pytest.raises(NotFound):
        run_straight(house.stories.files.delete(file.id, caller=BOB, hard=hard))
    run_straight(house.stories.files.delete(file.id, caller=STAFF, hard=hard))


def test_a_file_that_is_being_completed_is_not_deleted() -> None:
    house = House(paused=True)
    file = house.uploaded()
    completing = house.stories.uploads.complete(file.id, caller=ALICE)
    while house.record(file).upload_status is UploadStatus.UPLOADING:
        completing.send(None)
    with pytest.raises(Conflict) as refusal:
        run_straight(house.calm.files.delete(file.id, caller=ALICE))
    assert refusal.value.error_code == "upload_completing"
    completing.close()


def test_a_file_that_is_finished_while_it_is_deleted_is_deleted() -> None:
    house = House(paused=True)
    file = house.uploaded()
    deletion = house.stories.files.delete(file.id, caller=ALICE, hard=True)
    deletion.send(None)
    deletion.send(None)
    run_straight(house.calm.uploads.complete(file.id, caller=ALICE))
    drive(deletion)
    assert_nothing_left(house, file)
    assert house.record_or_none(file) is None


def completed(house: House) -> File:
    return house.finished()


def sent(house: House) -> File:
    return house.uploaded()


def one_put(house: House) -> File:
    (begun,) = run_straight(house.calm.batches.initiate([new(b"tiny")], caller=ALICE))
    assert not isinstance(begun, Exception)
    house.send(begun.signed, b"tiny")
    return begun.file


@pytest.mark.parametrize("prepared", [completed, sent, one_put])
@pytest.mark.parametrize("hard", [False, True])
def test_a_deletion_killed_anywhere_is_finished_by_the_next(prepared: Any, hard: bool) -> None:
    file_of: dict[int, File] = {}

    def tell(house: House) -> Any:
        file_of[id(house)] = prepared(house)
        return house.stories.files.delete(file_of[id(house)].id, caller=ALICE, hard=hard)

    for house in every_point(tell):
        file = file_of[id(house)]
        if house.record_or_none(file) is not None:
            run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=hard))
        with pytest.raises(NotFound):
            run_straight(house.calm.files.get(file.id, caller=ALICE))
        if hard or prepared is not completed:
            assert_nothing_left(house, file)
        if hard and prepared is one_put:
            # Its URL lives, and could bring the object back: until then it is remembered, and counts.
            assert house.record(file).purging is not None
            house.clock.wait(2 * URL_EXPIRY)
            assert run_straight(house.calm.uploads.settling.reclaim(owner=ALICE.id)) == 1
        assert (house.record_or_none(file) is None) == hard


# Restoring, attaching, inspecting ------------------------------------------------------------------------------------


def test_a_soft_deletion_is_undone() -> None:
    house = House()
    file = house.finished()
    restore = house.stories.files.restore
    assert run_straight(restore(file.id, caller=ALICE)) == file
    run_straight(house.stories.files.delete(file.id, caller=ALICE))
    with pytest.raises(NotFound):
        run_straight(restore(file.id, caller=BOB))
    house.clock.wait(5)
    restored = run_straight(restore(file.id, caller=ALICE))
    assert restored == file.evolve(modified=house.clock.now())
    assert run_straight(house.stories.files.get(file.id, caller=ALICE)) == restored


def test_a_hard_deletion_is_not_undone() -> None:
    for point in range(1, 30):
        house = House(paused=True)
        file = house.finished()
        deletion = house.stories.files.delete(file.id, caller=ALICE, hard=True)
        try:
            for _ in range(point):
                deletion.send(None)
        except StopIteration:
            break
        marked = house.record_or_none(file)
        if marked is None or marked.purging is not None:
            with pytest.raises(NotFound):
                run_straight(house.calm.files.restore(file.id, caller=ALICE))
        drive(deletion)
        assert house.record_or_none(file) is None
    with pytest.raises(NotFound):
        run_straight(house.calm.files.restore(file.id, caller=ALICE))


def test_a_restoration_that_a_removal_overtakes_is_none() -> None:
    house = House(paused=True)
    file = house.finished()
    run_straight(house.calm.files.delete(file.id, caller=ALICE))
    restoration = house.stories.files.restore(file.id, caller=ALICE)
    restoration.send(None)
    restoration.send(None)
    run_straight(house.records.change(file.id, purging=house.clock.now()))
    with pytest.raises(NotFound):
        drive(restoration)
    assert house.record(file).deleted is not None


def test_a_file_is_attached_and_detached() -> None:
    house = House()
    file = house.finished()
    set_parent = house.stories.files.set_parent
    attached = run_straight(set_parent(file.id, "post", "7", caller=ALICE))
    assert (attached.parent_content_type, attached.parent_object_id) == ("post", "7")
    for pair in (("post", None), (None, "7"), ("p" * 256, "7"), ("post", "\0")):
        with pytest.raises(InvalidInput):
            run_straight(set_parent(file.id, *pair, caller=ALICE))
    with pytest.raises(NotFound):
        run_straight(set_parent(file.id, None, None, caller=BOB))
    detached = run_straight(set_parent(file.id, None, None, caller=ALICE))
    assert (detached.parent_content_type, detached.parent_object_id) == (None, None)


def test_what_the_store_says_of_a_file() -> None:
    house = House()
    file = house.finished()
    found, stored = run_straight(house.stories.files.inspect(file.id, caller=ALICE))
    assert (found, stored.etag, stored.size) == (file, file.etag, len(CONTENT))
    house.plant(file, b"something else")
    with pytest.raises(ObjectGone):
        run_straight(house.stories.files.inspect(file.id, caller=ALICE))
    run_straight(house.store.delete(file.key))
    with pytest.raises(ObjectGone):
        run_straight(house.stories.files.inspect(file.id, caller=ALICE))


def test_only_public_finished_present_files_are_everybodys() -> None:
    house = House()
    public = house.finished(is_public=True)
    assert run_straight(house.stories.files.public(public.id)) == public
    others = [house.finished(), house.begin(is_public=True), house.finished(is_public=True)]
    run_straight(house.stories.files.delete(others[-1].id, caller=ALICE))
    for file in (*others, public.evolve(id=uuid4())):
        with pytest.raises(NotFound) as refusal:
            run_straight(house.stories.files.public(file.id))
        assert "public" in refusal.value.detail


# Downloading ---------------------------------------------------------------------------------------------------------


def test_a_download_is_the_bytes_or_a_range_of_them() -> None:
    house = House()
    file = house.finished()
    files = house.stories.files
    whole = run_straight(files.download(file))
    assert b"".join(iterate_straight(whole.stream.chunks)) == CONTENT
    middle = run_straight(files.download(file, first=2, last=5, as_attachment=True))
    assert b"".join(iterate_straight(middle.stream.chunks)) == CONTENT[2:6]
    assert middle.presentation.disposition.startswith("attachment")


def test_a_download_is_bound_to_what_was_verified() -> None:
    house = House()
    file = house.finished()
    house.plant(file, b"something else")
    with pytest.raises(ObjectGone):
        run_straight(house.stories.files.download(file))


def test_a_download_url_gives_the_bytes() -> None:
    house = House()
    file = house.finished()
    signed = run_straight(house.stories.files.presigned_url(file.id, caller=ALICE, expires_in=60))
    answer = run_straight(house.store.send("GET", signed.url, signed.headers, b""))
    assert (answer.status, answer.body) == (200, CONTENT)
    house.clock.wait(61)
    assert run_straight(house.store.send("GET", signed.url, signed.headers, b"")).status == 403


@pytest.mark.parametrize("seconds", [0, -1, MAX_EXPIRY + 1])
def test_an_expiry_out_of_range_is_refused(seconds: int) -> None:
    house = House()
    file = house.finished()
    with pytest.raises(InvalidInput):
        run_straight(house.stories.files.presigned_url(file.id, caller=ALICE, expires_in=seconds))


def test_only_a_finished_file_is_downloaded() -> None:
    house = House()
    file = house.begin()
    with pytest.raises(Conflict) as refusal:
        run_straight(house.stories.files.presigned_url(file.id, caller=ALICE))
    assert refusal.value.error_code == "upload_uploading"
