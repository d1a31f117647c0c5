"""The story of upkeep in memory: what is due is finished or ended once, also by a run that dies, and nothing else."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.core.house import ALICE, BOB, CONTENT, House, Killed, drive, killed_at
from tests.core.test_uploads import assert_nothing_left

from partway.core.blocking import run_straight
from partway.core.file import File, UploadStatus
from partway.core.upkeep import Upkeep, UpkeepReport, UpkeepSettings
from partway.errors import StoreRefused, StoreUnavailable

DAY = 24 * 3600  # seconds


def upkeep(house: House, **settings: Any) -> Upkeep:
    return Upkeep(
        records=house.records,
        uploads=house.stories.uploads,
        settling=house.stories.uploads.settling,
        trash=house.stories.trash,
        settings=UpkeepSettings(**settings),
        clock=house.clock,
    )


def run(house: House, **settings: Any) -> UpkeepReport:
    return drive(upkeep(house, **settings).run())


def test_what_is_past_its_deadline_is_ended_and_nothing_stays() -> None:
    house = House()
    half_sent, begun, finished = house.uploaded(), house.begin(), house.finished()
    assert run(house).total == 0
    house.clock.wait(2 * DAY)
    young = house.uploaded()
    assert drive(upkeep(house).look()) == UpkeepReport(expired=2)
    assert run(house) == UpkeepReport(expired=2)
    for file in (half_sent, begun):
        assert house.record(file).upload_status is UploadStatus.ABORTED
        assert house.record(file).settled
        assert_nothing_left(house, file)
    assert house.record(finished).upload_status is UploadStatus.COMPLETED
    assert house.record(young).upload_status is UploadStatus.UPLOADING
    assert run(house).total == 0


def test_old_events_are_removed() -> None:
    house = House()
    house.finished()
    assert run(house).events == 0
    drift = datetime.now(UTC) - house.clock.now()  # records in memory go by the real time
    house.clock.wait(int(drift.total_seconds()) + 6 * DAY)
    assert run(house, keep_trash=None).events == 0
    house.clock.wait(2 * DAY)
    placed = drive(house.records.last_position())
    assert run(house, keep_trash=None).events == placed - 1
    assert [event.position for event in drive(house.records.events_after(0))] == [placed]


def test_an_upload_whose_client_vanished_is_completed_if_that_is_wished() -> None:
    house = House()
    whole, part = house.uploaded(), house.begin()
    house.clock.wait(2 * DAY)
    assert run(house, complete_vanished=True) == UpkeepReport(completed=1, expired=1)
    assert house.record(whole).upload_status is UploadStatus.COMPLETED
    assert house.bytes_of(whole) == CONTENT
    assert house.record(part).upload_status is UploadStatus.ABORTED


def test_a_completion_that_died_is_finished_long_before_its_deadline() -> None:
    died = 0
    for point in range(1, 12):
        house = House(paused=True)
        file = house.uploaded()
        with contextlib.suppress(Killed):
            killed_at(point, house.stories.uploads.complete(file.id, caller=ALICE))
        if house.record(file).upload_status is not UploadStatus.COMPLETING:
            continue
        died += 1
        assert run(house).total == 0  # it may still be at work
        house.clock.wait(61)
        assert run(house) == UpkeepReport(completed=1)
        assert house.record(file).upload_status is UploadStatus.COMPLETED
        assert house.bytes_of(file) == CONTENT
    assert died > 1


def test_a_run_that_dies_leaves_its_work_to_a_later_one() -> None:
    for point in range(1, 30):
        house = House(paused=True)
        files = [house.uploaded(), house.begin(), house.uploaded()]
        house.clock.wait(2 * DAY)
        with contextlib.suppress(Killed):
            killed_at(point, upkeep(house).run())
        house.clock.wait(DAY)
        run(house)
        for file in files:
            assert house.record(file).upload_status is UploadStatus.ABORTED
            assert house.record(file).settled
            assert_nothing_left(house, file)


def test_while_one_run_has_an_upload_in_hand_another_leaves_it() -> None:
    house = House()
    house.uploaded()
    house.clock.wait(2 * DAY)
    now = house.clock.now()
    claimed = run_straight(
        house.records.claim_due(now=now, stuck_before=now, until=now + timedelta(minutes=10), limit=10)
    )
    assert len(claimed) == 1
    assert run(house).total == 0
    house.clock.wait(601)
    assert run(house).expired == 1


def test_a_store_that_is_down_ends_the_run_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    files = [house.uploaded(), house.uploaded()]
    house.clock.wait(2 * DAY)

    async def down(*_: Any) -> None:
        raise StoreUnavailable("The store is down.")

    with monkeypatch.context() as patched:
        patched.setattr(house.store, "abort_upload", down)
        report = run(house)
        assert (report.failed, report.expired, report.settled) == (2, 0, 0)
    assert run(house).settled == 2
    for file in files:
        assert house.record(file).settled
        assert_nothing_left(house, file)


def test_one_that_the_store_refuses_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    files = [house.uploaded(), house.uploaded(), house.uploaded()]
    house.clock.wait(2 * DAY)
    abort = house.store.abort_upload

    async def refuse_one(key: str, upload_id: str) -> None:
        if key == house.record(files[0]).key:
            raise StoreRefused("Not this one.", store_code="AccessDenied")
        await abort(key, upload_id)

    with monkeypatch.context() as patched:
        patched.setattr(house.store, "abort_upload", refuse_one)
        assert run(house) == UpkeepReport(expired=2, failed=1)
        assert run(house).total == 0  # it is left alone for a while
    assert [house.record(file).settled for file in files] == [False, True, True]
    house.clock.wait(601)
    assert run(house) == UpkeepReport(settled=1)
    assert_nothing_left(house, files[0])


def test_what_another_run_is_dropping_is_left_to_it() -> None:
    house = House()
    file = house.uploaded()
    house.clock.wait(2 * DAY)
    now = house.clock.now()
    run_straight(house.records.claim_due(now=now, stuck_before=now, until=now + timedelta(minutes=10), limit=10))
    run_straight(house.records.change(file.id, upload_status=UploadStatus.ABORTED))
    assert run(house).total == 0
    house.clock.wait(601)
    assert run(house) == UpkeepReport(settled=1)
    assert_nothing_left(house, file)


def test_uploads_of_many_owners_are_given_up_together() -> None:
    house = House()
    files = [house.begin(caller=caller) for caller in (ALICE, BOB, ALICE)]
    house.clock.wait(2 * DAY)
    assert run(house) == UpkeepReport(expired=3)
    for file in files:
        assert house.record(file).settled
        assert_nothing_left(house, file)


def test_trash_and_old_records_go_when_their_time_has_come() -> None:
    house = House()
    deleted, aborted = house.finished(), house.uploaded()
    drive(house.stories.files.delete(deleted.id, caller=ALICE))
    drive(house.stories.uploads.abort(aborted.id, caller=ALICE))
    house.clock.wait(8 * DAY)
    assert run(house) == UpkeepReport(removed=1)
    house.clock.wait(23 * DAY)
    assert run(house, keep_trash=None).total == 0
    assert run(house) == UpkeepReport(purged=1)
    for file in (deleted, aborted):
        assert gone(house, file)


def gone(house: House, file: File) -> bool:
    """Nothing of a file is left, not even its record."""
    return house.record_or_none(file) is None and house.bytes_of(file) is None
