"""Limits: what is let in, what is given back and when, and that no history of requests and crashes loses a byte."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.house import ALICE, BOB, SETTINGS, URL_EXPIRY, House, Killed, killed_at, new

from partway.core.blocking import run_straight
from partway.core.file import UNFINISHED, Caller, File, UploadStatus
from partway.core.initiation import UploadSettings, new_file
from partway.core.limits import Quota, fit
from partway.core.ports import Usage
from partway.core.uploads import BegunUpload
from partway.errors import NotFound, PartwayError, QuotaExceeded, StoreUnavailable
from partway.records.connect import BlockingSqlRecords, connect_blocking_records
from partway.records.migrate import upgrade

LONG = 2 * URL_EXPIRY + 1  #: seconds after which every URL is dead


def limited(**quota: Any) -> UploadSettings:
    return UploadSettings(
        part_size=SETTINGS.part_size, url_expiry=URL_EXPIRY, upload_ttl=SETTINGS.upload_ttl, quota=Quota(**quota)
    )


def house_of(**quota: Any) -> House:
    return House(settings=limited(**quota))


def usage(house: House, caller: Caller = ALICE) -> Usage:
    return run_straight(house.records.usage(caller.id))


def refused(house: House, content: bytes, **asked: Any) -> QuotaExceeded:
    with pytest.raises(QuotaExceeded) as refusal:
        house.begin(content, **asked)
    return refusal.value


def batch(house: House, *contents: bytes, caller: Caller = ALICE) -> list[Any]:
    return run_straight(house.calm.batches.initiate([new(content) for content in contents], caller=caller))


# What is let in ------------------------------------------------------------------------------------------------------


def test_a_file_that_does_not_fit_is_refused_with_what_is_left() -> None:
    house = house_of(bytes=10)
    house.begin(b"1234567")
    refusal = refused(house, b"1234")
    assert refusal.error_code == "quota_exceeded"
    assert refusal.facts == {"limit": 10, "used": 7, "left": 3}
    house.begin(b"123")
    house.begin(b"")
    house.begin(b"1234567890", caller=BOB)


def test_open_uploads_are_bounded_and_ending_one_makes_room() -> None:
    house = house_of(uploads=2)
    first, _ = house.uploaded(), house.begin()
    refusal = refused(house, b"x")
    assert refusal.error_code == "too_many_uploads"
    assert refusal.facts == {"limit": 2, "used": 2, "left": 0}
    run_straight(house.calm.uploads.complete(first.id, caller=ALICE))
    third = house.begin()
    run_straight(house.calm.uploads.abort(third.id, caller=ALICE))
    house.begin()


def test_a_callers_own_quota_counts_instead() -> None:
    house = house_of(bytes=10, uploads=2)
    house.begin(b"x" * 20, caller=Caller(id="rich", quota_bytes=20))
    refused(house, b"x", caller=Caller(id="rich", quota_bytes=20))
    refused(house, b"x", caller=Caller(id="poor", quota_bytes=0))
    assert refused(house, b"", caller=Caller(id="rich")).facts["left"] == 0


def test_the_same_request_again_takes_nothing_twice() -> None:
    house = house_of(bytes=10, uploads=1)
    file = house.begin(b"1234567890", key="one")
    assert house.begin(b"1234567890", key="one").id == file.id
    assert usage(house) == Usage(bytes=10, files=1, open_uploads=1)


def test_of_a_batch_those_are_taken_that_fit() -> None:
    house = house_of(bytes=6)
    outcomes = batch(house, b"123", b"4567", b"89", b"00", b"", b"123456789")
    taken = [isinstance(each, BegunUpload) for each in outcomes]
    assert taken == [True, False, True, False, True, False]
    assert outcomes[1].facts == {"limit": 6, "used": 3, "left": 3}
    assert outcomes[3].facts == {"limit": 6, "used": 5, "left": 1}
    assert usage(house) == Usage(bytes=5, files=3, open_uploads=3)


def test_of_a_batch_as_many_are_taken_as_may_be_open() -> None:
    house = house_of(uploads=2)
    outcomes = batch(house, b"1", b"2", b"3")
    assert [isinstance(each, BegunUpload) for each in outcomes] == [True, True, False]
    assert outcomes[2].error_code == "too_many_uploads"


def test_a_batch_that_is_always_too_late_is_added_file_by_file() -> None:
    """Others take what was free between the look at the usage and the addition."""
    house = house_of(bytes=10)
    add_all = house.records.add_all
    waiting = [house.begin(b"").evolve(id=uuid4(), key=f"rival {at}", file_size=2) for at in range(4)]

    async def rivals_first(files: Any) -> None:
        if len(files) > 1 and waiting:
            await add_all([waiting.pop()])
        await add_all(files)

    house.records.add_all = rivals_first  # type: ignore[method-assign]
    outcomes = batch(house, b"123", b"123", b"123", b"12", b"1")
    assert [isinstance(each, BegunUpload) for each in outcomes] == [False, False, False, True, False]
    assert usage(house).bytes == 10


@given(
    sizes=st.lists(st.integers(0, 20), max_size=20),
    used=st.integers(0, 40),
    open_uploads=st.integers(0, 6),
    quota=st.builds(Quota, bytes=st.none() | st.integers(0, 60), uploads=st.none() | st.integers(1, 6)),
)
def test_what_fits_never_passes_a_limit_and_what_does_not_would(
    sizes: list[int], used: int, open_uploads: int, quota: Quota
) -> None:
    house = House(settings=UploadSettings(quota=quota))
    files = [
        new_file(
            new(b"x" * size), caller=ALICE, settings=house.settings, limits=house.store.limits, now=house.clock.now()
        )
        for size in sizes
    ]
    fitting, others = fit(files, Usage(bytes=used, files=1, open_uploads=open_uploads))
    assert {file.id for file in fitting} | others.keys() == {file.id for file in files}
    total = used + sum(file.file_size for file in fitting)
    if fitting and quota.bytes is not None:
        assert total <= quota.bytes
    if fitting and quota.uploads is not None:
        assert open_uploads + len(fitting) <= quota.uploads
    for file in files:
        if file.id in others:
            too_large = quota.bytes is not None and total + file.file_size > quota.bytes
            assert too_large or (quota.uploads is not None and open_uploads + len(fitting) >= quota.uploads)


# What is given back --------------------------------------------------------------------------------------------------


def test_an_aborted_upload_gives_its_bytes_back_at_once() -> None:
    house = house_of(bytes=15)
    file = house.uploaded()
    run_straight(house.calm.uploads.abort(file.id, caller=ALICE))
    assert usage(house) == Usage()
    house.begin()


def test_a_soft_deletion_keeps_them_and_a_hard_one_gives_them_back() -> None:
    house = house_of(bytes=15)
    file = house.finished()
    run_straight(house.calm.files.delete(file.id, caller=ALICE))
    assert usage(house).bytes == 15
    run_straight(house.calm.files.delete(file.id, caller=ALICE, hard=True))
    assert usage(house) == Usage()


def test_a_failed_upload_gives_them_back() -> None:
    house = house_of(bytes=15)
    file = house.begin()
    run_straight(house.store.abort_upload(file.key, file.upload_id or ""))
    with pytest.raises(PartwayError):
        run_straight(house.calm.uploads.complete(file.id, caller=ALICE))
    assert house.record(file).upload_status is UploadStatus.FAILED
    assert usage(house) == Usage()


@pytest.mark.parametrize("ending", ["abort", "delete", "complete and delete"])
def test_a_single_put_counts_until_its_url_is_dead(ending: str) -> None:
    house = house_of(bytes=4)
    (begun,) = batch(house, b"tiny")
    if ending == "complete and delete":
        house.send(begun.signed, b"tiny")
        run_straight(house.calm.uploads.complete(begun.file.id, caller=ALICE))
    if ending == "abort":
        run_straight(house.calm.uploads.abort(begun.file.id, caller=ALICE))
    else:
        run_straight(house.calm.files.delete(begun.file.id, caller=ALICE, hard=True))
        with pytest.raises(NotFound):
            run_straight(house.calm.files.get(begun.file.id, caller=ALICE))
    assert usage(house).bytes == 4
    refused(house, b"more")
    house.send(begun.signed, b"tiny")  # the URL lives: here it brings the object (back)
    assert house.bytes_of(begun.file) == b"tiny"
    house.clock.wait(LONG)
    assert house.begin(b"more")
    assert house.bytes_of(begun.file) is None
    assert usage(house) == Usage(bytes=4, files=1, open_uploads=1)


def test_asking_for_a_deletion_again_does_not_lengthen_it() -> None:
    house = house_of(bytes=4)
    (begun,) = batch(house, b"tiny")
    for _ in range(5):
        run_straight(house.calm.files.delete(begun.file.id, caller=ALICE, hard=True))
        house.clock.wait(URL_EXPIRY)
        if house.record_or_none(begun.file) is None:
            return
    raise AssertionError("the record never goes")


def test_what_a_crash_left_is_reclaimed_when_there_is_no_room() -> None:
    house = House(paused=True, settings=limited(bytes=15))
    file = house.uploaded()
    with pytest.raises(Killed):
        killed_at(4, house.stories.uploads.abort(file.id, caller=ALICE))
    assert house.record(file).upload_status is UploadStatus.ABORTED
    assert usage(house).bytes == 15
    house.begin()
    assert house.open_uploads(file) == []
    assert usage(house) == Usage(bytes=15, files=1, open_uploads=1)


def test_a_store_that_is_down_costs_the_refusal_nothing() -> None:
    house = House(paused=True, settings=limited(bytes=30))
    for file in (house.uploaded(), house.uploaded()):
        with pytest.raises(Killed):
            killed_at(4, house.stories.uploads.abort(file.id, caller=ALICE))
    asked = []

    async def down(*args: Any) -> None:
        asked.append(args)
        raise StoreUnavailable("down")

    house.store.abort_upload = down  # type: ignore[method-assign]
    assert refused(house, b"x").facts["left"] == 0
    assert len(asked) == 1


def test_everybodys_are_reclaimed_together() -> None:
    house = house_of(bytes=4)
    for caller in (ALICE, BOB):
        (begun,) = batch(house, b"tiny", caller=caller)
        run_straight(house.calm.uploads.abort(begun.file.id, caller=caller))
    assert run_straight(house.calm.uploads.settling.reclaim(owner=None)) == 0
    house.clock.wait(LONG)
    assert run_straight(house.calm.uploads.settling.reclaim(owner=None, limit=1)) == 1
    assert run_straight(house.calm.uploads.settling.reclaim(owner=None)) == 1
    assert usage(house, ALICE) == usage(house, BOB) == Usage()


# All of it, in any order ---------------------------------------------------------------------------------------------

QUOTA = Quota(bytes=30, uploads=4)
Step = tuple[Any, ...]

PLACES = st.integers(0, 3)
KILLS = st.none() | st.none() | st.integers(1, 14)
SIZES = st.sampled_from([0, 3, 4, 9, 15, 31])
STEPS = st.one_of(
    st.tuples(st.just("initiate"), KILLS, SIZES, st.sampled_from([None, "one", "two"])),
    st.tuples(st.just("batch"), KILLS, st.lists(SIZES, min_size=1, max_size=4)),
    st.tuples(st.just("send"), st.none(), PLACES),
    st.tuples(st.sampled_from(["lose", "presign"]), st.none(), PLACES),
    st.tuples(st.sampled_from(["complete", "state"]), KILLS, PLACES),
    st.tuples(st.sampled_from(["abort", "delete", "delete for good"]), KILLS, PLACES),
    st.tuples(st.just("complete batch"), KILLS, st.lists(PLACES, min_size=1, max_size=3)),
    st.tuples(st.just("reclaim"), KILLS),
    st.tuples(st.just("wait"), st.none(), st.sampled_from([30, 120, URL_EXPIRY, LONG])),
)


class History:
    """One owner's requests to a house, some of them killed on their way."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.caller = Caller(id=f"owner-{uuid4()}")
        self.signed: dict[UUID, Any] = {}
        self.ever: dict[UUID, File] = {}

    def take(self, step: Step) -> None:
        """One step; what it may not do is refused."""
        name, kill, *rest = step
        with contextlib.suppress(PartwayError, Killed):
            story = getattr(self, f"_{name.replace(' ', '_')}")(*rest)
            if story is not None:
                self._note(killed_at(kill, story))

    def files(self) -> list[File]:
        """All records of the owner, hidden ones too."""
        return [file for file in map(self._get, self._ids()) if file is not None]

    def _ids(self) -> list[UUID]:
        records: Any = self.house.records
        if not isinstance(records, BlockingSqlRecords):
            return [file.id for file in records._files.values() if file.created_by == self.caller.id]
        with contextlib.closing(sqlite3.connect(records._database._path)) as connection:  # type: ignore[attr-defined]
            asked = "SELECT id FROM partway_files WHERE created_by = ? ORDER BY id"
            return [UUID(hex=row[0]) for row in connection.execute(asked, (self.caller.id,))]

    def _get(self, file_id: UUID) -> File | None:
        return run_straight(self.house.records.get(file_id))

    def _note(self, outcome: Any) -> None:
        for begun in outcome if isinstance(outcome, list) else [outcome]:
            if isinstance(begun, BegunUpload):
                self.signed[begun.file.id] = begun.signed

    def _at(self, place: int) -> File:
        files = self.files()
        if not files:
            raise NotFound("there is nothing yet")
        return files[place % len(files)]

    def _initiate(self, size: int, key: str | None) -> Any:
        return self.house.stories.uploads.initiate(new(b"x" * size), caller=self.caller, idempotency_key=key)

    def _batch(self, sizes: list[int]) -> Any:
        return self.house.stories.batches.initiate([new(b"x" * size) for size in sizes], caller=self.caller)

    def _send(self, place: int) -> None:
        """Use the URLs of an upload, be it over or not."""
        signed = list(self.signed.values())
        for part in signed[place % len(signed)].parts if signed else ():
            self.house.put(part, b"x" * part.size)

    def _lose(self, place: int) -> None:
        file = self._at(place)
        if file.upload_id:
            run_straight(self.house.store.abort_upload(file.key, file.upload_id))

    def _presign(self, place: int) -> None:
        file = self._at(place)
        numbers = range(1, file.num_parts + 1)
        self.signed[file.id] = run_straight(self.house.calm.uploads.presign(file.id, numbers, caller=self.caller))

    def _complete(self, place: int) -> Any:
        return self.house.stories.uploads.complete(self._at(place).id, caller=self.caller)

    def _complete_batch(self, places: list[int]) -> Any:
        return self.house.stories.batches.complete([self._at(place).id for place in places], caller=self.caller)

    def _state(self, place: int) -> Any:
        return self.house.stories.uploads.state(self._at(place).id, caller=self.caller)

    def _abort(self, place: int) -> Any:
        return self.house.stories.uploads.abort(self._at(place).id, caller=self.caller)

    def _delete(self, place: int) -> Any:
        return self.house.stories.files.delete(self._at(place).id, caller=self.caller)

    def _delete_for_good(self, place: int) -> Any:
        return self.house.stories.files.delete(self._at(place).id, caller=self.caller, hard=True)

    def _reclaim(self) -> Any:
        return self.house.stories.uploads.settling.reclaim(owner=self.caller.id)

    def _wait(self, seconds: int) -> None:
        self.house.clock.wait(seconds)

    def hold(self) -> None:
        """What must be so at every moment."""
        files, used = self.files(), usage(self.house, self.caller)
        self.ever |= {file.id: file for file in files}
        counted = [file.file_size for file in files if file.counted]
        unfinished = sum(file.upload_status in UNFINISHED for file in files)
        assert used == Usage(bytes=sum(counted), files=len(counted), open_uploads=unfinished)
        assert used.bytes <= (QUOTA.bytes or 0)
        assert used.open_uploads <= (QUOTA.uploads or 0)
        for file in files:
            if file.upload_status in {UploadStatus.ABORTED, UploadStatus.FAILED}:
                assert file.counted != file.settled
        for file in self.ever.values():
            # Whatever the store holds for the owner counts.
            if self.house.bytes_of(file) is not None or self.house.open_uploads(file):
                standing = self._get(file.id)
                assert standing is not None
                assert standing.counted

    def end(self) -> None:
        """Delete all for good; nothing may be left, nor count."""
        house = self.house
        house.clock.wait(120)  # longer than a completion is waited for
        for file in self.files():
            run_straight(house.calm.files.delete(file.id, caller=self.caller, hard=True))
        house.clock.wait(LONG)
        while run_straight(house.calm.uploads.settling.reclaim(owner=self.caller.id)):
            pass
        assert self.files() == []
        assert usage(house, self.caller) == Usage()
        for file in self.ever.values():
            assert house.bytes_of(file) is None
            assert house.open_uploads(file) == []


def tell(steps: list[Step], house: House) -> None:
    history = History(house)
    for step in steps:
        history.take(step)
        history.hold()
    history.end()


@pytest.fixture(scope="module")
def sqlite_records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingSqlRecords]:
    path: Path = tmp_path_factory.mktemp("limits") / "records.sqlite3"
    url = f"sqlite:///{path}?synchronous=normal"
    upgrade(url)
    records = connect_blocking_records(url)
    yield records
    run_straight(records.aclose())


@settings(max_examples=400, deadline=None)
@given(steps=st.lists(STEPS, max_size=14))
def test_no_history_loses_or_invents_a_byte(steps: list[Step]) -> None:
    tell(steps, House(paused=True, settings=limited(bytes=QUOTA.bytes, uploads=QUOTA.uploads)))


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(STEPS, max_size=14))
def test_no_history_loses_or_invents_a_byte_in_a_database(
    sqlite_records: BlockingSqlRecords, steps: list[Step]
) -> None:
    quota = limited(bytes=QUOTA.bytes, uploads=QUOTA.uploads)
    tell(steps, House(paused=True, settings=quota, records=sqlite_records))
