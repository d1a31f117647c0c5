"""Reconciliation in memory: what is wrong is found, whatever the order of the listing; nothing else is, nor touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.core.house import ALICE, CONTENT, House, drive, slow
from tests.servers.clock import HandClock

from partway.core.blocking import run_straight
from partway.core.file import File, UploadStatus
from partway.core.findings import Finding, FindingKind
from partway.core.reconcile import ReconcileSettings, Reconciliation, Step
from partway.errors import Conflict, StoreError, StoreRefused
from partway.stores.memory import MemoryStore
from partway.stores.sorting import SortedOnDisk

HOUR = 3600  # seconds
ALL = frozenset(FindingKind)
ORPHAN, LOST, DIFFERS, UNKNOWN = FindingKind
PREFIX = "files/"


def reconciliation(store: Any, records: Any, clock: HandClock, sorter: SortedOnDisk, **asked: Any) -> Reconciliation:
    wanted = ReconcileSettings(**{"prefix": PREFIX, "min_age": timedelta(seconds=HOUR), **asked})
    return Reconciliation(store=store, records=records, settings=wanted, sorter=sorter, clock=clock)


def found_in(house: House, **asked: Any) -> list[Finding]:
    """What a whole walk over a house finds."""
    with SortedOnDisk() as sorter:
        walk = reconciliation(house.store, house.records, house.clock, sorter, **asked).walk()
        return [finding for step in run_straight(_all(walk)) for finding in step.findings]


async def _all(walk: Any) -> list[Step]:
    return [step async for step in walk]


def lose(house: House, file: File) -> None:
    """The store forgets the file's object."""
    run_straight(house.store.delete(file.key))


def test_a_house_in_order_has_no_findings() -> None:
    house = House()
    house.finished(), house.begin(), house.uploaded()
    deleted = house.finished()
    drive(house.stories.files.delete(deleted.id, caller=ALICE))
    house.clock.wait(2 * HOUR)
    assert found_in(house, fix=ALL) == []
    assert house.bytes_of(deleted) == CONTENT


def test_a_lost_object_fails_its_file_and_gives_the_bytes_back() -> None:
    house = House()
    file, trash = house.finished(), house.finished()
    drive(house.stories.files.delete(trash.id, caller=ALICE))
    lose(house, file), lose(house, trash)
    house.clock.wait(2 * HOUR)
    assert {(each.kind, each.key, each.fixed) for each in found_in(house)} == {
        (LOST, file.key, False),
        (LOST, trash.key, False),
    }
    assert house.record(file).upload_status is UploadStatus.COMPLETED
    assert all(each.fixed for each in found_in(house, fix={LOST}))
    standing = house.record(file)
    assert (standing.upload_status, standing.failure, standing.settled) == (UploadStatus.FAILED, "object_missing", True)
    assert run_straight(house.records.usage(ALICE.id)).bytes == 0
    with pytest.raises(Conflict, match="lost this file") as refusal:
        drive(house.stories.files.finished(file.id, caller=ALICE))
    assert (refusal.value.error_code, refusal.value.facts["failure"]) == ("upload_failed", "object_missing")
    assert found_in(house) == []


@pytest.mark.parametrize("token", [None, "own"])
def test_a_record_takes_over_what_the_store_holds(token: str | None) -> None:
    house = House()
    file = house.finished()
    overwrite(house, file, b"other bytes than before, and more", token=file.token if token else None)
    house.clock.wait(2 * HOUR)
    (finding,) = found_in(house, fix={DIFFERS})
    assert (finding.kind, finding.key, finding.fixed) == (DIFFERS, file.key, True)
    standing = house.record(file)
    assert standing.file_size == 33
    assert house.stories.files is not None
    assert drive(house.stories.files.stored(standing)).size == 33
    assert (standing.part_size * (standing.num_parts - 1) < 33) == (standing.part_size * standing.num_parts >= 33)
    assert run_straight(house.records.usage(ALICE.id)).bytes == 33
    assert found_in(house) == []


def test_another_files_object_is_told_and_left() -> None:
    house = House()
    file = house.finished()
    overwrite(house, file, b"another's", token="another's")
    house.clock.wait(2 * HOUR)
    before = house.record(file)
    (finding,) = found_in(house, fix=ALL)
    assert (finding.kind, finding.fixed) == (DIFFERS, False)
    assert house.record(file) == before
    assert house.bytes_of(file) == b"another's"


def overwrite(house: House, file: File, body: bytes, *, token: str | None) -> None:
    """Somebody puts another object under the file's key."""
    house.plant(file, body, token=token or "x")
    stored, kept = house.store._objects[file.key]
    house.store._objects[file.key] = (replace(stored, token=token), kept)


def test_orphans_go_and_what_is_no_orphan_stays() -> None:
    house = House()
    mine, uploading = house.finished(), house.begin()
    orphan = uploading.evolve(key="files/orphan")
    house.plant(orphan, b"orphan")
    house.plant(orphan.evolve(key="elsewhere/orphan"), b"not ours")
    house.plant(orphan.evolve(key="files/2026/"), b"")
    spare = run_straight(house.store.create_upload(uploading.key, content_type="", token="t"))
    outside = run_straight(house.store.create_upload("elsewhere/open", content_type="", token="t"))
    house.clock.wait(2 * HOUR)
    found = {(each.kind, each.key, each.upload_id) for each in found_in(house)}
    assert found == {(ORPHAN, "files/orphan", None), (UNKNOWN, uploading.key, spare)}
    assert found_in(house, orphans=False) == []
    assert {each.fixed for each in found_in(house, fix=ALL)} == {True}
    assert found_in(house) == []
    assert run_straight(house.store.head("elsewhere/orphan")) is not None
    assert run_straight(house.store.find_uploads("elsewhere/open")) == [outside]
    assert house.open_uploads(uploading) == [house.record(uploading).upload_id]
    assert house.bytes_of(mine) == CONTENT


def test_only_the_kinds_that_are_named_are_fixed() -> None:
    house = House()
    file = house.finished()
    house.plant(file.evolve(key="files/orphan"), b"orphan")
    lose(house, file)
    house.clock.wait(2 * HOUR)
    assert {each.kind: each.fixed for each in found_in(house, fix={ORPHAN})} == {ORPHAN: True, LOST: False}
    assert house.record(file).upload_status is UploadStatus.COMPLETED


def test_what_is_younger_than_the_longest_url_is_left_alone() -> None:
    house = House()
    file = house.finished()
    house.plant(file.evolve(key="files/orphan"), b"orphan")
    run_straight(house.store.create_upload("files/open", content_type="", token="t"))
    lose(house, file)
    house.clock.wait(HOUR - 1)
    assert found_in(house, fix=ALL) == []
    house.clock.wait(1)
    assert {each.kind for each in found_in(house)} == {ORPHAN, LOST, UNKNOWN}


class RefusingStore(MemoryStore):
    """It lets nobody delete."""

    async def delete_objects(self, keys: Any) -> Any:
        return dict.fromkeys(keys, "AccessDenied")

    async def abort_upload(self, key: str, upload_id: str) -> None:
        raise StoreRefused("No.", store_code="AccessDenied")


def test_what_the_store_refuses_is_left_and_said() -> None:
    house = House()
    house.store = RefusingStore(clock=house.clock)
    run_straight(house.store.write_object("files/orphan", b"x", content_type="", token="t"))
    run_straight(house.store.create_upload("files/open", content_type="", token="t"))
    house.clock.wait(2 * HOUR)
    assert {each.kind: each.fixed for each in found_in(house, fix=ALL)} == {ORPHAN: False, UNKNOWN: False}


def test_stores_and_records_that_cannot_be_gone_through_are_refused() -> None:
    house = House(powers=False)
    for store, records in ((house.store, slow(house.records, ("get",))), (slow(house.store, ("head",)), house.records)):
        with pytest.raises(StoreError) as refusal, SortedOnDisk() as sorter:
            reconciliation(store, records, house.clock, sorter)
        assert refusal.value.error_code == "not_supported"


# --- What changes during the walk -------------------------------------------------------------------------------------

STORE_VERBS = ("head", "list_objects", "list_uploads", "list_parts", "delete_objects", "abort_upload")
RECORD_VERBS = ("by_key", "get_keys", "change")
CHANGES = {
    "hard deletion": lambda house, file: house.calm.files.delete(file.id, caller=ALICE, hard=True),
    "soft deletion": lambda house, file: house.calm.files.delete(file.id, caller=ALICE),
    "abortion": lambda house, file: house.calm.uploads.abort(house.opened.id, caller=ALICE),
    "completion": lambda house, file: house.calm.uploads.complete(house.opened.id, caller=ALICE),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_during_the_walk_is_not_reported(change: str) -> None:
    point = 0
    changed = True
    while changed:
        point += 1
        house: Any = House()
        file, _, house.opened = house.finished(), house.finished(), house.uploaded()
        house.clock.wait(2 * HOUR)
        found, changed = walked_with_a_change(house, point, CHANGES[change](house, file))
        assert found == []
    assert point > 5


def walked_with_a_change(house: House, point: int, change: Any) -> tuple[list[Finding], bool]:
    """The findings of a walk, with a change at its `point`-th pause, and whether it came so far."""

    async def walk() -> list[Finding]:
        store, records = slow(house.store, STORE_VERBS), slow(house.records, RECORD_VERBS)
        with SortedOnDisk() as sorter:
            story = reconciliation(store, records, house.clock, sorter, fix=ALL)
            return [finding for step in await _all(story.walk()) for finding in step.findings]

    running = walk()
    changed = False
    pauses = 0
    while True:
        try:
            running.send(None)
        except StopIteration as end:
            change.close()
            return end.value, changed
        pauses += 1
        if pauses == point:
            drive(change)
            changed = True
