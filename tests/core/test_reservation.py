"""Keys that two files could share: each file gets its own, and nobody's object is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.core.house import ALICE, BOB, CONTENT, SETTINGS, House, drive, new

from partway.core.blocking import iterate_straight, run_straight
from partway.core.copies import NewCopy
from partway.core.file import Caller, File, UploadStatus
from partway.core.keys import KeyTemplate
from partway.core.reservation import delete_own
from partway.errors import Conflict

NAMES_ALONE = replace(SETTINGS, key_template=KeyTemplate.named(uuid_prefix=False, folder_structure=""))


@pytest.fixture
def house() -> House:
    """A house whose keys are the files' names alone."""
    return House(settings=NAMES_ALONE)


def put_foreign(house: House, key: str) -> None:
    """Another application's object."""
    run_straight(house.store.write_object(key, b"theirs", content_type="a/b", token="theirs"))


def body(house: House, key: str) -> bytes:
    stream = run_straight(house.store.read(key))
    return b"".join(iterate_straight(stream.chunks))


def finish(house: House, content: bytes, caller: Caller = ALICE, **asked: Any) -> File:
    begun = house.initiate(content, caller=caller, **asked)
    house.send(begun.signed, content)
    return run_straight(house.calm.uploads.complete(begun.file.id, caller=caller))


def test_the_second_file_of_a_name_gets_a_suffix(house: House) -> None:
    first = finish(house, b"first", file_name="document.pdf")
    second = finish(house, b"second", file_name="document.pdf", caller=BOB)
    assert first.key == "document.pdf"
    assert second.key.startswith("document_")
    assert second.key.endswith(".pdf")
    assert (body(house, first.key), body(house, second.key)) == (b"first", b"second")


def test_a_key_is_taken_until_the_record_is_removed(house: House) -> None:
    hidden = finish(house, b"hidden", file_name="a.txt")
    run_straight(house.calm.files.delete(hidden.id, caller=ALICE))
    second = finish(house, b"second", file_name="a.txt")
    assert second.key != hidden.key
    assert body(house, hidden.key) == b"hidden"
    run_straight(house.calm.files.delete(hidden.id, caller=ALICE, hard=True))
    assert finish(house, b"third", file_name="a.txt").key == "a.txt"


def test_another_applications_object_stays(house: House) -> None:
    put_foreign(house, "a.txt")
    assert finish(house, CONTENT, file_name="a.txt").key != "a.txt"
    late = house.uploaded(CONTENT, file_name="b.txt")
    put_foreign(house, "b.txt")
    with pytest.raises(Conflict) as refused:
        run_straight(house.calm.uploads.complete(late.id, caller=ALICE))
    assert refused.value.error_code == "key_taken"
    run_straight(house.calm.uploads.abort(late.id, caller=ALICE))
    assert body(house, "b.txt") == b"theirs"


def test_a_deletion_that_comes_late_leaves_the_next_file_alone(house: House) -> None:
    gone = finish(house, b"gone", file_name="a.txt")
    run_straight(house.calm.files.delete(gone.id, caller=ALICE, hard=True))
    following = finish(house, b"following", file_name="a.txt", caller=BOB)
    assert following.key == gone.key
    run_straight(delete_own(gone, store=house.store))
    assert body(house, following.key) == b"following"


def test_the_same_request_gives_the_same_upload(house: House) -> None:
    first = house.initiate(CONTENT, key="k", file_name="a.txt").file
    again = house.initiate(CONTENT, key="k", file_name="a.txt").file
    assert (again.id, again.key) == (first.id, "a.txt")


def test_files_of_a_batch_go_by_multipart_uploads(house: House) -> None:
    requests = [new(b"x", file_name="a.txt") for _ in range(3)]
    begun: list[Any] = list(drive(house.stories.batches.initiate(requests, caller=ALICE)))
    assert [each.file.single_put for each in begun] == [False] * 3
    assert len({each.file.key for each in begun}) == 3
    for each in begun:
        house.send(each.signed, b"x")
    done: list[Any] = list(drive(house.stories.batches.complete([each.file.id for each in begun], caller=ALICE)))
    assert [file.upload_status for file in done] == [UploadStatus.COMPLETED] * 3


def test_copies_get_keys_of_their_own(house: House) -> None:
    source = finish(house, CONTENT, file_name="a.txt")
    copy = run_straight(house.calm.copies.copy(source.id, NewCopy(), caller=ALICE))
    assert copy.key != source.key
    assert body(house, copy.key) == body(house, source.key) == CONTENT
