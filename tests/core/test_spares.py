"""Multipart uploads that the store holds beside a file's own, since it was asked for one more than once."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from tests.core.house import ALICE, CONTENT, House, Killed, killed_at, new

from partway.core.blocking import run_straight
from partway.core.file import File, UploadStatus
from partway.core.uploads import Uploads
from partway.errors import AnswerLost, StoreUnavailable

KEY = "one request"


class Forgetful:
    """A store that loses its first answers to CreateMultipartUpload."""

    def __init__(self, house: House, *, answers: int = 1) -> None:
        self._store: Any = house.store
        self._lost = answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def create_upload(self, key: str, *, once: bool = False, **named: Any) -> str:
        upload_id: str = await self._store.create_upload(key, **named)
        if self._lost:
            self._lost -= 1
            raise (AnswerLost if once else StoreUnavailable)("lost")
        return upload_id


def uploads_over(house: House, store: Forgetful) -> Uploads:
    return Uploads(store=store, records=house.records, settings=house.settings, clock=house.clock)  # type: ignore[arg-type]


def with_spares(house: House, *, of: int = 2) -> File:
    """An upload that was sent, beside which the store holds others."""
    file = house.uploaded()
    for _ in range(of):
        run_straight(house.store.create_upload(file.key, content_type="text/plain", token=file.token))
    changed = run_straight(house.records.change(file.id, spares=True))
    assert changed is not None
    return changed


def test_an_upload_whose_answer_was_lost_is_adopted() -> None:
    house = House()
    begun = run_straight(uploads_over(house, Forgetful(house)).initiate(new(), caller=ALICE))
    assert begun.file.upload_status is UploadStatus.UPLOADING
    assert house.open_uploads(begun.file) == [begun.file.upload_id]
    house.send(begun.signed, CONTENT)
    assert run_straight(house.calm.uploads.complete(begun.file.id, caller=ALICE)).etag
    assert house.open_uploads(begun.file) == []


def test_a_request_repeated_when_two_answers_were_lost_leaves_one_upload_in_the_end() -> None:
    house = House()
    store = Forgetful(house, answers=2)
    store.find_uploads = lambda key: _none()  # type: ignore[method-assign]  # a listing that lags behind
    forgetful = uploads_over(house, store)
    with pytest.raises(StoreUnavailable):
        run_straight(forgetful.initiate(new(), caller=ALICE, idempotency_key=KEY))
    begun = run_straight(forgetful.initiate(new(), caller=ALICE, idempotency_key=KEY))
    assert len(house.open_uploads(begun.file)) == 3
    house.send(begun.signed, CONTENT)
    run_straight(house.calm.uploads.complete(begun.file.id, caller=ALICE))
    assert house.open_uploads(begun.file) == []


async def _none() -> list[str]:
    return []


def test_a_completion_ends_the_spares_before_it_is_one() -> None:
    house = House(paused=True)
    for point in range(1, 40):
        file = with_spares(house)
        with contextlib.suppress(Killed):
            killed_at(point, house.stories.uploads.complete(file.id, caller=ALICE))
        completed = house.record(file).upload_status is UploadStatus.COMPLETED
        assert not (completed and house.open_uploads(file))
        assert run_straight(house.calm.uploads.complete(file.id, caller=ALICE)).etag
        assert house.open_uploads(file) == []


def test_an_abort_ends_the_spares() -> None:
    house = House()
    file = with_spares(house)
    run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
    assert house.open_uploads(file) == []
    assert house.record(file).settled


def test_an_upload_that_the_store_lost_is_settled_with_its_spares() -> None:
    house = House()
    file = with_spares(house)
    run_straight(house.store.abort_upload(file.key, file.upload_id or ""))
    run_straight(house.calm.uploads.state(file.id, caller=ALICE))
    assert (house.record(file).upload_status, house.record(file).settled) == (UploadStatus.FAILED, False)
    run_straight(house.calm.uploads.settling.reclaim(owner=None))
    assert house.open_uploads(file) == []
    assert house.record(file).settled
