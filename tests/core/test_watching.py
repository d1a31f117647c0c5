"""What watchers are told: nothing is missed, whatever happens between two looks, and the end is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.house import ALICE, BOB, CONTENT, PART_SIZE, STAFF, House

from partway.core.blocking import iterate_straight, run_straight
from partway.core.events import Event, EventType, Progress
from partway.core.file import File, UploadStatus
from partway.core.parts import StoredPart
from partway.core.watching import Beginning, Item, State, Watching
from partway.errors import NotFound
from partway.wire.watching import item_json, server_sent

Deed = Callable[[], Sequence[Progress] | None]
DONE = [EventType.COMPLETING, EventType.COMPLETED]


class Left(Exception):
    """The watcher is left: nothing more happens."""


class Script:
    """News: before each answer the next thing happens."""

    def __init__(self, house: House, *deeds: Deed) -> None:
        self._house = house
        self._deeds = list(deeds)

    async def next(self, *, timeout: float) -> Sequence[Progress] | None:
        if not self._deeds:
            raise Left
        news = self._deeds.pop(0)()
        await self._house.records.place_events()
        return news


class Unplaced:
    """No news: nobody gives positions."""

    async def next(self, *, timeout: float) -> None:
        return None


def watching(house: House) -> Watching:
    return Watching(records=house.records, uploads=house.calm.uploads)


def place(house: House) -> int:
    """Give positions to all that has happened; the last one."""
    run_straight(house.records.place_events())
    return run_straight(house.records.last_position())


def watched(house: House, file: File, *deeds: Deed, after: int | None = None) -> list[Item]:
    """What a watcher of an upload is told until its end, or until it is left."""
    return told(watching(house).upload(file.id, Script(house, *deeds), after=after))


def watched_all(house: House, owner: str | None, *deeds: Deed, after: int | None = None) -> list[Item]:
    return told(watching(house).files(owner, Script(house, *deeds), after=after))


def told(items: Any) -> list[Item]:
    found: list[Item] = []
    try:
        found.extend(iterate_straight(items))
    except Left:
        found.append(None)
    return found


def types(items: Sequence[Item]) -> list[EventType]:
    return [item.type for item in items if isinstance(item, Event)]


def progress(file: File, size: int) -> Progress:
    return Progress(
        file_id=file.id, owner=ALICE.id, uploaded_parts=1, num_parts=4, uploaded_size=size, file_size=file.file_size
    )


def complete(house: House, file: File) -> Deed:
    def deed() -> list[Progress]:
        run_straight(house.calm.uploads.complete(file.id, caller=ALICE))
        return []

    return deed


def test_it_begins_with_the_state_and_ends_with_the_upload() -> None:
    house = House()
    file = house.uploaded()
    run_straight(house.calm.uploads.report(file.id, [StoredPart(part_number=1, size=0, etag="")], caller=ALICE))
    position = place(house)
    state, *rest = watched(house, file, complete(house, file), lambda: [progress(file, 3)])
    assert isinstance(state, State)
    assert (state.position, state.file.upload_status) == (position, UploadStatus.UPLOADING)
    assert (state.progress.uploaded_parts, state.progress.uploaded_size) == (1, PART_SIZE)
    assert types(rest) == DONE
    assert len(rest) == 2


@pytest.mark.parametrize("how", ["completed", "aborted"])
def test_of_one_that_is_over_the_state_is_all(how: str) -> None:
    house = House()
    file = house.finished() if how == "completed" else house.begin()
    if how == "aborted":
        run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
    place(house)
    (state,) = watched(house, file)
    assert isinstance(state, State)
    assert state.file.upload_status == how
    assert (state.progress.uploaded_size == file.file_size) is (how == "completed")


@given(st.integers(min_value=0, max_value=4))
def test_who_goes_on_behind_a_position_misses_nothing_and_hears_nothing_twice(after: int) -> None:
    house = House()
    file = house.finished()
    place(house)
    all_types = [EventType.INITIATED, EventType.UPLOADING, *DONE]
    found = watched(house, file, after=after)
    if after < 4:
        assert types(found) == all_types[after:]
        assert len(found) == 4 - after
    else:
        assert found == [None]
    assert run_straight(watching(house).has_heard_all(house.record(file), after)) is (after == 4)


def test_what_has_no_position_yet_comes_later() -> None:
    house = House()
    file = house.begin()
    found = watched(house, file, list)
    assert isinstance(found[0], State)
    assert found[0].position == 0
    assert types(found) == [EventType.INITIATED, EventType.UPLOADING]


def test_an_end_without_an_event_is_said_by_the_state() -> None:
    """Its event was removed, or has no position yet: whoever waits is told all the same."""
    house = House()
    file = house.begin()
    after = place(house)
    run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
    watcher = watching(house).upload(file.id, Unplaced(), after=after)
    (state,) = told(watcher)
    assert isinstance(state, State)
    assert state.file.upload_status is UploadStatus.ABORTED
    assert not run_straight(watching(house).has_heard_all(house.record(file), state.position))
    place(house)
    assert types(watched(house, file, after=state.position)) == [EventType.ABORTED]


def test_a_position_that_we_never_gave_is_none() -> None:
    house = House()
    file = house.begin()
    place(house)
    assert isinstance(watched(house, file, after=99)[0], State)
    assert watched_all(house, ALICE.id, after=99)[0] == Beginning(position=2)


def test_progress_never_goes_back() -> None:
    house = House()
    file = house.begin()
    place(house)
    sizes = [4, 8, 4, 8, 12, 0]
    found = watched(house, file, *[lambda size=size: [progress(file, size)] for size in sizes])  # type: ignore[misc]
    assert [item.uploaded_size for item in found if isinstance(item, Progress)] == [4, 8, 12]


def test_silence_is_broken_by_signs_of_life() -> None:
    house = House()
    file = house.begin()
    place(house)
    assert watched(house, file, lambda: None, lambda: None)[1:] == [None, None, None]
    assert watched_all(house, None, lambda: None)[1:] == [None, None]


def test_a_file_that_is_removed_ends_its_stream() -> None:
    house = House()
    file = house.finished()
    after = place(house)
    run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
    place(house)
    assert types(watched(house, file, after=after)) == [EventType.DELETED, EventType.REMOVED]
    assert watched(house, file) == []


def test_an_owner_is_told_of_all_and_only_of_their_files_from_now_on() -> None:
    house = House()
    house.finished()
    position = place(house)

    def more() -> list[Progress]:
        for _ in range(60):  # more than are read at once
            house.begin()
        house.begin(caller=BOB)
        return []

    found = watched_all(house, ALICE.id, more)
    assert found[0] == Beginning(position=position)
    assert types(found) == [EventType.INITIATED, EventType.UPLOADING] * 60
    assert {item.owner for item in found if isinstance(item, Event)} == {ALICE.id}
    assert len(types(watched_all(house, None, after=position))) == 122
    assert len(types(watched_all(house, BOB.id, after=0))) == 2


def test_who_may_watch() -> None:
    house = House()
    file = house.finished()
    find = watching(house).find
    assert run_straight(find(file.id, caller=ALICE)).id == run_straight(find(file.id, caller=STAFF)).id == file.id
    with pytest.raises(NotFound):
        run_straight(find(file.id, caller=BOB))
    run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=False))
    with pytest.raises(NotFound):
        run_straight(find(file.id, caller=ALICE))


def test_the_store_says_how_far_an_upload_has_come() -> None:
    house = House()
    begun = house.initiate()
    assert house.put(begun.signed.parts[1], CONTENT[PART_SIZE : 2 * PART_SIZE]).status == 200
    found = run_straight(watching(house).ask(begun.file))
    assert found is not None
    assert (found.uploaded_parts, found.uploaded_size, found.owner) == (1, PART_SIZE, ALICE.id)
    run_straight(house.calm.uploads.abort(begun.file.id, caller=ALICE))
    assert run_straight(watching(house).ask(begun.file)) is None
    run_straight(house.records.remove(begun.file.id))
    assert run_straight(watching(house).ask(begun.file)) is None


def test_items_as_server_sent_events() -> None:
    house = House()
    file = house.finished(description="", metadata={"two": "lines\n\r\u2028"})
    place(house)

    def dumps(body: Any) -> bytes:
        return json.dumps(body).encode()

    for item in [*watched(house, file), *watched(house, file, after=0), progress(file, 4), Beginning(position=7)]:
        assert item is not None
        fields = dict(
            line.split(": ", 1) for line in server_sent(item, dumps).decode().removesuffix("\n\n").split("\n")
        )
        body = json.loads(fields["data"])
        assert body == json.loads(json.dumps(item_json(item)))
        assert fields["event"] == body["type"]
        assert fields.get("id") == (None if isinstance(item, Progress) else str(body["position"]))
    assert server_sent(None, dumps) == b":\n\n"
