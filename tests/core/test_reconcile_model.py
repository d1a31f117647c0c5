"""Reconciliation against a model: any house, listed in any order, in steps of any size, left and gone on with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.test_reconcile import ALL, DIFFERS, HOUR, LOST, ORPHAN, PREFIX, UNKNOWN, reconciliation
from tests.servers.clock import HandClock

from partway.core import ordering, reconcile
from partway.core.blocking import run_straight
from partway.core.file import UNFINISHED, File, UploadStatus
from partway.core.findings import FindingKind
from partway.core.ordering import Place
from partway.core.ports import ListedObject, ObjectPage, StoredObject
from partway.core.reconcile import Step, WalkPlace
from partway.records.contract import Bench
from partway.records.memory import MemoryRecords
from partway.stores.memory import MemoryStore
from partway.stores.sorting import SortedOnDisk

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
