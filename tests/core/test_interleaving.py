"""Two or three requests for one file at once, each left alone or killed between any two calls of a port.

What must hold at every moment: a file that ended stays as it ended, and one that is completed has its bytes. What must
hold once everybody is gone: a next request brings the file to its end, and nothing is left beside it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.house import ALICE, CONTENT, House, Killed, killed_at, new

from partway.core.blocking import run_straight
from partway.core.file import File, UploadStatus
from partway.errors import PartwayError

Story = Coroutine[Any, Any, Any]
ENDED = {UploadStatus.COMPLETED, UploadStatus.ABORTED, UploadStatus.FAILED}
KEY = "one request"


def initiate(house: House, _: UUID) -> Story:
    return house.stories.uploads.initiate(new(), caller=ALICE, idempotency_key=KEY)


def state(house: House, file_id: UUID) -> Story:
    return house.stories.uploads.state(file_id, caller=ALICE)


def complete(house: House, file_id: UUID) -> Story:
    return house.stories.uploads.complete(file_id, caller=ALICE)


def abort(house: House, file_id: UUID) -> Story:
    return house.stories.uploads.abort(file_id, caller=ALICE)


def hide(house: House, file_id: UUID) -> Story:
    return house.stories.files.delete(file_id, caller=ALICE)


def remove(house: House, file_id: UUID) -> Story:
    return house.stories.files.delete(file_id, caller=ALICE, hard=True)


async def lose(house: House, file_id: UUID) -> None:
    """Not a request: the store forgets the multipart upload."""
    file = await house.records.get(file_id)
    if file is not None and file.upload_id is not None:
        await house.store.abort_upload(file.key, file.upload_id)


REQUESTS = [initiate, state, complete, abort, hide, remove, lose]


def begun_and_killed(house: House, points: int) -> None:
    with contextlib.suppress(Killed):
        killed_at(points, house.stories.uploads.initiate(new(), caller=ALICE, idempotency_key=KEY))


def sent_and_killed(house: House, tell: Callable[[House, UUID], Story], points: int) -> None:
    file = house.uploaded(key=KEY)
    with contextlib.suppress(Killed):
        killed_at(points, tell(house, file.id))


def prepared(way: str, points: int) -> tuple[House, File]:
    """A house with one file that a request has left in some state.

    Args:
        way: what was done.
        points: how far the last request came before it was killed.
    """
    house = House(paused=True)
    if way == "begun":
        begun_and_killed(house, 2 + points % 5)  # from 2 on there is a record
    elif way == "sent in part":
        begun = house.initiate(key=KEY)
        house.put(begun.signed.parts[0], CONTENT[:4])
    else:
        sent_and_killed(house, {"completed": complete, "aborted": abort, "removed": remove}[way], points)
    house.clock.wait(points * 10)  # sometimes longer ago than a completion is waited for
    return house, next(iter(house.records._files.values()), None) or house.begin(key=KEY)


class Witness:
    """Looks at the records after every step and remembers what it saw."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ever: dict[UUID, File] = {}
        self.look()

    def look(self) -> None:
        for file in list(self.house.records._files.values()):
            before = self.ever.get(file.id)
            if before is not None and before.upload_status in ENDED:
                assert (file.upload_status, file.failure) == (before.upload_status, before.failure)
            if file.upload_status is UploadStatus.COMPLETED and file.purging is None:
                assert self.house.bytes_of(file) == CONTENT
            self.ever[file.id] = file


def step(story: Story) -> bool:
    """One step; whether there is another."""
    try:
        story.send(None)
    except (StopIteration, PartwayError):
        return False
    return True


def race(witness: Witness, stories: Sequence[Story], turns: Sequence[tuple[int, int]], killed: set[int]) -> None:
    """Give each story its turns, then kill some and let the others finish."""
    alive = dict(enumerate(stories))
    for place, steps in turns:
        for _ in range(steps):
            if place in alive and not step(alive[place]):
                del alive[place]
            witness.look()
    for place, story in alive.items():
        while place not in killed and step(story):
            witness.look()
        story.close()
        witness.look()


def converge(house: House, file: File) -> None:
    """The next requests of a client that wants the file, or if it cannot be had, wants it gone."""
    house.clock.wait(120)
    with contextlib.suppress(PartwayError):
        run_straight(house.calm.uploads.complete(file.id, caller=ALICE))
    standing = house.record_or_none(file)
    if standing is not None and standing.upload_status is UploadStatus.COMPLETED and standing.purging is None:
        assert standing.settled
        assert house.bytes_of(file) == CONTENT
        return
    if standing is not None:
        run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
        house.clock.wait(120)  # what was given up before the store had named an upload is looked at once more
        run_straight(house.calm.uploads.settling.reclaim(owner=None))
    assert house.record_or_none(file) is None
    assert house.bytes_of(file) is None


@settings(max_examples=1000, deadline=None)
@given(
    way=st.sampled_from(["begun", "sent in part", "completed", "aborted", "removed"]),
    points=st.integers(0, 12),
    requests=st.lists(st.sampled_from(REQUESTS), min_size=2, max_size=3),
    turns=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12)), min_size=1, max_size=6),
    killed=st.sampled_from([set(), {0}, {1}, {0, 1}, {0, 1, 2}]),
)
def test_whatever_meets_whatever_ends_well(
    way: str, points: int, requests: list[Any], turns: list[tuple[int, int]], killed: set[int]
) -> None:
    house, file = prepared(way, points)
    witness = Witness(house)
    race(witness, [request(house, file.id) for request in requests], turns, killed)
    for each in list(witness.ever.values()):
        converge(house, each)
        assert house.open_uploads(each) == []
