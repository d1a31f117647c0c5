"""Reconciliation in memory: what is wrong is found, whatever the order of the listing; nothing else is, nor touched."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.house import ALICE, CONTENT, House, drive, slow
from tests.servers.clock import HandClock

from partway.core import ordering, reconcile
from partway.core.blocking import run_straight
from partway.core.file import UNFINISHED, File, UploadStatus
from partway.core.findings import Finding, FindingKind
from partway.core.ordering import Place
from partway.core.ports import ListedObject, ObjectPage, StoredObject
from partway.core.reconcile import ReconcileSettings, Reconciliation, Step, WalkPlace
from partway.errors import Conflict, StoreError, StoreRefused
from partway.records.contract import Bench
from partway.records.memory import MemoryRecords
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

STORE_VERBS = ("head", "list_objects", "list_uploads", "find_uploads", "delete_objects", "abort_upload")
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


# --- Any house --------------------------------------------------------------------------------------------------------

NOW = HandClock().moment
OLD, YOUNG = NOW - timedelta(days=1), NOW - timedelta(minutes=1)
ETAG, OTHER_ETAG = "a" * 32, "b" * 32
SIZE = 5  # bytes


@dataclass(frozen=True)
class Lot:
    """What lies at one key."""

    key: str
    status: UploadStatus | None = None  # of the record; None: there is no record
    settled: bool = True
    purging: bool = False
    deleted: bool = False
    single_put: bool = False
    knows_upload: bool = True
    record_young: bool = False
    object: str | None = None  # same, size, etag; None: there is no object
    token: str | None = "own"
    object_young: bool = False
    uploads: tuple[tuple[bool, bool], ...] = ()  # open ones: whether it is the record's own, whether it is young


class Fact(NamedTuple):
    """A finding, as the model knows it."""

    kind: FindingKind
    key: str
    upload_id: str | None = None


def facts_of(lot: Lot) -> Iterator[Fact]:
    """What is wrong with a lot, said once more and in another way."""
    if not lot.key.startswith(PREFIX) or (lot.status is not None and lot.record_young):
        return
    ended = lot.status in {UploadStatus.ABORTED, UploadStatus.FAILED} and lot.settled
    finished = lot.status is UploadStatus.COMPLETED and not lot.purging
    if lot.object is None:
        if finished:
            yield Fact(LOST, lot.key)
    elif not lot.object_young:
        if lot.status is None or ended:
            yield Fact(ORPHAN, lot.key)
        elif finished and lot.object != "same":
            yield Fact(DIFFERS, lot.key)
    for number, (own, young) in enumerate(lot.uploads):
        tended = lot.status is not None and not lot.settled and not lot.single_put
        if not young and not (tended and (own or not lot.knows_upload)):
            yield Fact(UNKNOWN, lot.key, upload_id(lot, number, own=own))


def upload_id(lot: Lot, number: int, *, own: bool) -> str:
    return f"own {lot.key}" if own else f"{number} {lot.key}"


class AnyOrder(MemoryStore):
    """It lists objects in an order of its own, on small pages."""

    order: list[str]

    async def list_objects(self, prefix: str, *, cursor: str | None = None, limit: int = 1000) -> ObjectPage:
        at = int(cursor or 0)
        keys = [key for key in self.order if key.startswith(prefix)]
        rows = [self._objects[key][0] for key in keys[at : at + 3] if key in self._objects]
        listed = [ListedObject(row.key, row.size, row.etag, row.last_modified) for row in rows]
        return ObjectPage(listed, str(at + 3) if at + 3 < len(keys) else None)


@dataclass
class Built:
    """A store and records made from lots."""

    lots: list[Lot]
    order: list[str]
    store: AnyOrder = field(default_factory=AnyOrder)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.store.order = self.order
        for lot in self.lots:
            self._put_object(lot)
            self._put_uploads(lot)
            if lot.status is not None:
                run_straight(self.records.add(_record(lot)))

    def _put_object(self, lot: Lot) -> None:
        if lot.object is not None:
            stored = StoredObject(
                key=lot.key,
                size=SIZE + 1 if lot.object == "size" else SIZE,
                etag=OTHER_ETAG if lot.object == "etag" else ETAG,
                content_type="",
                last_modified=YOUNG if lot.object_young else OLD,
                token=lot.token,
            )
            self.store._objects[lot.key] = (stored, b"")

    def _put_uploads(self, lot: Lot) -> None:
        for number, (own, young) in enumerate(lot.uploads):
            opened = run_straight(self.store.create_upload(lot.key, content_type="", token="t"))
            upload = dataclasses.replace(self.store._uploads.pop(opened), initiated=_when(young))
            self.store._uploads[upload_id(lot, number, own=own)] = upload

    def walk(self, place: WalkPlace | None = None, *, steps: int | None = None, **asked: Any) -> list[Step]:
        """All steps, or the first ones."""

        async def some() -> list[Step]:
            taken: list[Step] = []
            walk = reconciliation(self.store, self.records, self.clock, sorter, **asked).walk(place)
            async for step in walk:
                taken.append(step)
                if len(taken) == steps:
                    await walk.aclose()
                    break
            return taken

        with SortedOnDisk() as sorter:
            return run_straight(some())


def _when(young: bool) -> datetime:
    return YOUNG if young else OLD


def _record(lot: Lot) -> File:
    assert lot.status is not None
    return Bench(records=MemoryRecords()).file(
        key=lot.key,
        token="own",
        file_size=SIZE,
        etag=ETAG,
        upload_status=lot.status,
        upload_id=f"own {lot.key}" if lot.knows_upload else None,
        settled=lot.settled,
        single_put=lot.single_put,
        deleted=OLD if lot.deleted else None,
        purging=OLD if lot.purging else None,
        created=OLD,
        modified=_when(lot.record_young),
    )


KEYS = st.one_of(
    st.lists(st.sampled_from(["a", "a-b", "a.b", "a0", "-"]), min_size=1, max_size=3).map(
        lambda parts: PREFIX + "/".join(parts)
    ),
    st.sampled_from(["file", "files", "filesx", "uploads/a", "files/é", "files/\ufffd", "files/\U0001f600"]),
)


@st.composite
def lots(draw: st.DrawFn, key: str) -> Lot:
    status = draw(st.none() | st.sampled_from(UploadStatus))
    owned = draw(st.booleans())
    uploads = tuple((False, draw(st.booleans())) for _ in range(draw(st.integers(0, 1))))
    return Lot(
        key=key,
        status=status,
        settled=status is UploadStatus.COMPLETED or (status not in UNFINISHED and draw(st.booleans())),
        purging=draw(st.booleans()) and draw(st.booleans()),
        deleted=draw(st.booleans()),
        single_put=draw(st.booleans()),
        knows_upload=draw(st.booleans()),
        record_young=draw(st.integers(0, 4)) == 0,
        object=draw(st.sampled_from([None, "same", "same", "size", "etag"])),
        token=draw(st.sampled_from(["own", None, "another's"])),
        object_young=draw(st.integers(0, 4)) == 0,
        uploads=((True, draw(st.booleans())), *uploads) if owned else uploads,
    )


@st.composite
def houses(draw: st.DrawFn) -> Built:
    keys = draw(st.lists(KEYS, unique=True, max_size=20))
    drawn = [draw(lots(key)) for key in keys]
    present = sorted(lot.key for lot in drawn if lot.object is not None)
    how = draw(st.sampled_from(["by key", "by folder", "any"]))
    if how == "by folder":
        present.sort(key=lambda key: key.split("/"))
    return Built(drawn, draw(st.permutations(present)) if how == "any" else present)


@contextmanager
def small_steps(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reconcile, "_STEP", size)
        patched.setattr(ordering, "_PAGE", size)
        yield


def facts(steps: list[Step]) -> list[Fact]:
    return [Fact(each.kind, each.key, each.upload_id) for step in steps for each in step.findings]


@given(houses(), st.sampled_from([1, 2, 3, 1000]))
@settings(max_examples=300)
def test_exactly_what_is_wrong_is_found_once_in_any_order(house: Built, size: int) -> None:
    wanted = {fact for lot in house.lots for fact in facts_of(lot)}
    before = (dict(house.store._objects), dict(house.store._uploads), dict(house.records._files))
    with small_steps(size):
        steps = house.walk()
    assert sorted(facts(steps)) == sorted(wanted)
    ours = [lot for lot in house.lots if lot.key.startswith(PREFIX)]
    assert sum(step.records for step in steps) == sum(lot.status is not None for lot in ours)
    assert sum(step.objects for step in steps) == sum(lot.object is not None for lot in ours)
    assert sum(step.uploads for step in steps) == sum(len(lot.uploads) for lot in ours)
    assert (house.store._objects, house.store._uploads, house.records._files) == before


@given(houses(), st.sampled_from([1, 2, 3]), st.data())
@settings(max_examples=200)
def test_a_walk_that_is_left_anywhere_goes_on(house: Built, size: int, data: st.DataObject) -> None:
    wanted = {fact for lot in house.lots for fact in facts_of(lot)}
    found: set[Fact] = set()
    place: WalkPlace | None = None
    with small_steps(size):
        while True:
            steps = data.draw(st.none() | st.integers(1, 6))
            taken = house.walk(place, steps=steps)
            found.update(facts(taken))
            if steps is None or len(taken) < steps:
                break
            place = kept(next((step.place for step in reversed(taken) if step.place is not None), place))
    assert found == wanted


def kept(place: WalkPlace | None) -> WalkPlace | None:
    """A place as a file gives it back."""
    if place is None:
        return None
    said = json.loads(json.dumps(dataclasses.asdict(place)))
    return WalkPlace(files=said["files"] and Place(**said["files"]), uploads=said["uploads"])


@given(houses(), st.sampled_from([1, 3, 1000]))
@settings(max_examples=200)
def test_all_that_can_be_fixed_is_and_nothing_else_is_touched(house: Built, size: int) -> None:
    wanted = {fact for lot in house.lots for fact in facts_of(lot)}
    foreign_keys = {lot.key for lot in house.lots if lot.token == "another's" and lot.object is not None}
    foreign = {Fact(DIFFERS, key) for key in foreign_keys}
    keys = set(house.store._objects)
    uploads = set(house.store._uploads)
    untouched = {lot.key for lot in house.lots} - {fact.key for fact in wanted}
    before = {file.key: file for file in house.records._files.values()}
    with small_steps(size):
        fixed = [each for step in house.walk(fix=ALL) for each in step.findings]
        assert {Fact(each.kind, each.key, each.upload_id) for each in fixed if not each.fixed} == wanted & foreign
        house.clock.wait(2 * HOUR)
        house.lots = [replace(lot, record_young=False, object_young=False) for lot in house.lots]
        assert keys - set(house.store._objects) == {fact.key for fact in wanted if fact.kind is ORPHAN}
        changed = {fact.key for fact in wanted if fact.kind in {LOST, DIFFERS}}  # a record that is young now
        assert uploads - set(house.store._uploads) == {
            fact.upload_id for fact in wanted if fact.kind is UNKNOWN and fact.key not in changed - foreign_keys
        }
        assert {key: file for key, file in before.items() if key in untouched} == {
            file.key: file for file in house.records._files.values() if file.key in untouched
        }
        again = set(facts(house.walk(min_age=timedelta(hours=3))))
        assert again == wanted & foreign
