"""Reconciliation: one walk over all records, objects and open uploads, which finds what upkeep cannot see.

Records and objects are merged by key. That only raises suspicions: each is looked at once more, record and object, by
itself, so that nothing is said of what changed meanwhile, and nothing depends on the order in which the store lists.
Open uploads are few and listed by their ids by some stores: the records of each page of them are looked up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from partway.core.file import File, UploadStatus
from partway.core.findings import Finding, FindingKind, failed_for_good, is_unknown, judge_key, taken_over
from partway.core.ordering import OrderedFiles, OrderedObjects, Pair, Place, Sorter, take_pairs
from partway.core.ports import (
    BulkDeletes,
    Clock,
    KeyedRecords,
    ListedObject,
    ListedUpload,
    ObjectListing,
    OrderedRecords,
    Records,
    Store,
    StoredObject,
    SystemClock,
    UploadListing,
)
from partway.errors import StoreError, StoreRefused, UploadGone

_STEP = 1000  #: keys, or open uploads, between two places at which a walk may be left; objects in one deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """What is looked at, and what is done about it."""

    prefix: str  #: of the keys that are ours; nothing else is looked at
    min_age: timedelta  #: what changed later is left alone; at least the life of the longest signed URL
    fix: frozenset[FindingKind] = frozenset()
    orphans: bool = True  #: look for objects and uploads without records; not where others may put theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkPlace:
    """Where a whole walk stands."""

    files: Place | None = field(default_factory=Place)  #: in its first part; None: that is done
    uploads: str | None = None  #: cursor of the page of open uploads that comes next


class Step(NamedTuple):
    """A piece of the walk that is done."""

    findings: Sequence[Finding]
    place: WalkPlace | None  #: where to go on; None: from the last place
    records: int = 0  #: that were gone through
    objects: int = 0
    uploads: int = 0


class _Suspicion(NamedTuple):
    kind: FindingKind
    key: str
    listed: ListedObject | None

    @property
    def of_orphan(self) -> bool:
        """Whether it is of an object, else of a record."""
        return self.kind is FindingKind.OBJECT_WITHOUT_RECORD

    def holds(
        self, file: File | None, stored: ListedObject | StoredObject | None, *, before: datetime
    ) -> FindingKind | None:
        """What a closer look finds, if that is of the same side: an object that seemed lost may be another one."""
        kind = judge_key(file, stored, before=before)
        return kind if (kind is FindingKind.OBJECT_WITHOUT_RECORD) == self.of_orphan else None


class Reconciliation:
    """Compares the records with the store.

    Args:
        store: where the bytes are; it must be able to list (`ObjectListing`, `UploadListing`).
        records: where the files are remembered; they must be found by key, and gone through by key (`KeyedRecords`,
            `OrderedRecords`).
        settings: what is looked at.
        sorter: an empty one, for a store that does not list by key.
        clock: the time of day.

    Raises:
        StoreError: store or records cannot do that (code `not_supported`).
    """

    def __init__(
        self,
        *,
        store: Store,
        records: Records,
        settings: ReconcileSettings,
        sorter: Sorter,
        clock: Clock | None = None,
    ) -> None:
        if not isinstance(store, ObjectListing) or not isinstance(store, UploadListing):
            raise StoreError("This store cannot list what it holds.", code="not_supported")
        if not isinstance(records, OrderedRecords) or not isinstance(records, KeyedRecords):
            raise StoreError("These records cannot be gone through by key.", code="not_supported")
        self._store: Store = store
        self._objects: ObjectListing = store
        self._uploads: UploadListing = store
        self._records = records
        self._ordered: OrderedRecords = records
        self._keyed: KeyedRecords = records
        self._settings = settings
        self._sorter = sorter
        self._clock = clock or SystemClock()

    async def walk(self, place: WalkPlace | None = None) -> AsyncIterator[Step]:
        """Go through all, and give what was found, and fixed, step by step. Closing it early loses nothing.

        Args:
            place: of a step of an earlier walk with the same prefix: go on behind it.

        Raises:
            StoreError, RecordsUnavailable: one of both ends the walk; go on from the last place later.
        """
        place = place or WalkPlace()
        if place.files is not None:
            async for step in self._walk_files(place.files):
                yield step
        if self._settings.orphans:
            async for step in self._walk_uploads(place.uploads):
                yield step

    async def _walk_files(self, place: Place) -> AsyncIterator[Step]:
        prefix = self._settings.prefix
        objects = OrderedObjects(self._objects, prefix, sorter=self._sorter, place=place)
        files = OrderedFiles(self._ordered, prefix, after=place.key)
        began, done = self._clock.now(), place.key
        while pairs := await take_pairs(files, objects, limit=_STEP):
            done = max(done, *(pair.key for pair in pairs))
            findings, passed_over = await self._look_again(self._suspicions(pairs), began=began)
            here = await objects.place(done)
            yield Step(
                findings=await self._fixed(findings),
                place=None if here is None else WalkPlace(files=here),
                records=sum(pair.file is not None for pair in pairs),
                objects=sum(pair.stored is not None for pair in pairs),
            )
            if passed_over:
                await objects.distrust()

    def _suspicions(self, pairs: Iterable[Pair]) -> list[_Suspicion]:
        before = self._before()
        judged = ((judge_key(pair.file, pair.stored, before=before), pair) for pair in pairs)
        found = [_Suspicion(kind, pair.key, pair.stored) for kind, pair in judged if kind is not None]
        return [each for each in found if self._settings.orphans or not each.of_orphan]

    async def _look_again(self, suspicions: Sequence[_Suspicion], *, began: datetime) -> tuple[list[Finding], bool]:
        """Those suspicions that hold, and whether the listing has passed over an object.

        The record is looked at before the object and after it: a file that is deleted in between is seen as it goes.
        """
        files, before = await self._files_of(each.key for each in suspicions), self._before()
        held = [each for each in suspicions if each.holds(files.get(each.key), each.listed, before=before)]
        looked = [(each, await self._store.head(each.key)) for each in held]
        files, before = await self._files_of(each.key for each in held), self._before()
        findings = []
        passed_over = False
        for each, stored in looked:
            file = files.get(each.key)
            kind = each.holds(file, stored, before=before)
            if kind is not None:
                findings.append(Finding(kind=kind, key=each.key, file=file, stored=stored))
            if each.listed is None and stored is not None and stored.last_modified < began:
                passed_over = True
        return findings, passed_over

    async def _walk_uploads(self, cursor: str | None) -> AsyncIterator[Step]:
        while True:
            page = await self._uploads.list_uploads(self._settings.prefix, cursor=cursor, limit=_STEP)
            findings = [
                Finding(kind=FindingKind.UNKNOWN_UPLOAD, key=upload.key, upload_id=upload.upload_id)
                for upload in await self._unknown(page.uploads)
            ]
            yield Step(
                findings=await self._fixed(findings),
                place=None if page.next is None else WalkPlace(files=None, uploads=page.next),
                uploads=len(page.uploads),
            )
            cursor = page.next
            if cursor is None:
                return

    async def _unknown(self, uploads: Sequence[ListedUpload]) -> list[ListedUpload]:
        """Those of the listed uploads that are nobody's, and open still."""
        files, before = await self._files_of(upload.key for upload in uploads), self._before()
        found = [upload for upload in uploads if is_unknown(upload, files.get(upload.key), before=before)]
        return [upload for upload in found if await self._is_open(upload)]

    async def _is_open(self, upload: ListedUpload) -> bool:
        # Finding it by its key would have some stores go through all open uploads.
        try:
            await self._store.list_parts(upload.key, upload.upload_id)
        except UploadGone:
            return False
        return True

    async def _files_of(self, keys: Iterable[str]) -> dict[str, File]:
        wanted = {key for key in keys if "\0" not in key}  # no database holds that
        return {file.key: file for file in await self._keyed.get_keys(wanted)}

    def _before(self) -> datetime:
        return self._clock.now() - self._settings.min_age

    async def _fixed(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings, those that were to be fixed and could be with the mark."""
        wanted = [each for each in findings if each.kind in self._settings.fix]
        orphans = [each.key for each in wanted if each.kind is FindingKind.OBJECT_WITHOUT_RECORD]
        deleted = await self._deleted(orphans)
        others = [each for each in wanted if each.kind is not FindingKind.OBJECT_WITHOUT_RECORD]
        fixed = {id(each) for each in others if await self._fix(each)}
        return [replace(each, fixed=id(each) in fixed or each.key in deleted) for each in findings]

    async def _deleted(self, keys: Sequence[str]) -> set[str]:
        """Delete objects; the keys of those that are gone."""
        if not keys:
            return set()
        if not isinstance(self._store, BulkDeletes):
            return {key for key in keys if await _is_taken(self._store.delete(key))}
        try:
            refused = await self._store.delete_objects(keys)
        except StoreRefused:
            return set()
        return set(keys) - refused.keys()

    async def _fix(self, finding: Finding) -> bool:
        """Put one finding right, but for objects without records; whether that was possible."""
        if finding.upload_id is not None:
            return await _is_taken(self._store.abort_upload(finding.key, finding.upload_id))
        changes: Mapping[str, Any] | None = failed_for_good(self._clock.now())
        if finding.file is not None and finding.stored is not None:
            changes = taken_over(finding.file, finding.stored, limits=self._store.limits, now=self._clock.now())
        if finding.file is None or changes is None:
            return False
        completed = {UploadStatus.COMPLETED}
        return await self._records.change(finding.file.id, when=completed, **changes) is not None


async def _is_taken(deed: Awaitable[None]) -> bool:
    """Do something at the store; whether it took it."""
    try:
        await deed
    except StoreRefused:
        return False
    return True
