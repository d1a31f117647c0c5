"""Records in memory: for tests, and for a service that may forget."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from partway.core.file import UNFINISHED, File, UploadStatus
from partway.core.keys import is_unique
from partway.core.parts import StoredPart
from partway.core.ports import Due, FilePage, FileQuery, Usage
from partway.core.refusals import key_taken
from partway.errors import Conflict, InvalidInput, NotFound
from partway.records.cursors import Cursor, page_of
from partway.records.limits import OVER_BYTES, OVER_UPLOADS, over_limit
from partway.records.memory_events import MemoryEvents
from partway.records.values import TIMES, check_changes, check_part, check_query, check_text, check_values, folded

Condition = Callable[[File], bool]
_MOST_BYTES = 2**63 - 1


class MemoryRecords(MemoryEvents):
    """Records that live as long as the process. Never suspends, and is safe in threads and on an event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[UUID, File] = {}
        self._parts: dict[UUID, dict[int, StoredPart]] = {}

    async def add(self, file: File) -> File:
        """Insert a record, and return the one that stands."""
        check_values(_values(file))
        with self._lock:
            standing = self._same_request(file)
            if standing is None:
                await self.add_all([file])
            return deepcopy(standing or self._files[file.id])

    async def get(self, file_id: UUID, *, owner: str | None = None) -> File | None:
        """One record; None if there is none, or it is not `owner`'s."""
        return next(iter(await self.get_all([file_id], owner=owner)), None)

    async def change(
        self, file_id: UUID, *, when: Collection[UploadStatus] | None = None, **changes: Any
    ) -> File | None:
        """Change fields of one record, if its status is one of `when`."""
        check_changes(changes)
        check_values(changes)
        with self._lock:
            file = self._files.get(file_id)
            if file is None or (when is not None and file.upload_status not in when):
                return None
            changed = _kept(file.evolve(**changes))
            rival = self._same_request(changed)
            if rival is not None and rival.id != file_id:
                raise Conflict("Another record of this owner has this idempotency key.")
            self._keep([changed])
            return deepcopy(changed)

    async def page(self, query: FileQuery) -> FilePage:
        """One page, newest first by (created, id)."""
        cursor = Cursor.read(query.cursor) if query.cursor is not None else None
        check_query(query)
        conditions = _conditions(query, cursor)
        with self._lock:
            found = [file for file in self._files.values() if all(holds(file) for holds in conditions)]
        found.sort(key=_place, reverse=cursor is None or not cursor.newer)
        return page_of(deepcopy(found[: query.limit + 1]), limit=query.limit, cursor=cursor)

    async def remove(self, file_id: UUID) -> None:
        """Delete one record and its reported parts."""
        with self._lock:
            self._note(self._files.pop(file_id, None), None)
            self._parts.pop(file_id, None)

    async def report_parts(self, file_id: UUID, parts: Sequence[StoredPart]) -> None:
        """Note parts that the client says it has sent."""
        for part in parts:
            check_part(part)
        with self._lock:
            if file_id not in self._files:
                raise NotFound("There is no such file, so its parts cannot be noted.")
            self._parts.setdefault(file_id, {}).update({part.part_number: part for part in parts})

    async def reported_parts(self, file_id: UUID) -> list[StoredPart]:
        """The reported parts by number."""
        with self._lock:
            return [part for _, part in sorted(self._parts.get(file_id, {}).items())]

    async def add_all(self, files: Sequence[File]) -> None:
        """Insert records that have no idempotency key; all or none."""
        for file in files:
            check_values(_values(file))
        with self._lock:
            fresh = {file.id: _kept(file) for file in files}
            if len(fresh) < len(files) or fresh.keys() & self._files.keys():
                raise Conflict("There is a record with this id already; give each file a new id.")
            keys = {file.key for file in fresh.values() if not is_unique(file.key, file.id)}
            if keys and any(file.key in keys for file in self._files.values()):
                raise key_taken()
            self._check_limits(files)
            self._keep(fresh.values())

    async def get_all(self, file_ids: Collection[UUID], *, owner: str | None = None) -> list[File]:
        """Those of the records that are there and `owner`'s."""
        with self._lock:
            found = [self._files[file_id] for file_id in dict.fromkeys(file_ids) if file_id in self._files]
        return deepcopy([file for file in found if owner in {None, file.created_by}])

    async def get_keys(self, keys: Collection[str]) -> list[File]:
        """The records that have these keys."""
        with self._lock:
            return deepcopy([file for file in self._files.values() if file.key in keys])

    async def by_key(self, prefix: str, *, after: str, limit: int) -> list[File]:
        """Up to `limit` records whose keys begin with `prefix` and sort behind `after`, by the keys' UTF-8 bytes."""
        with self._lock:
            found = [file for file in self._files.values() if file.key.startswith(prefix) and file.key > after]
            return deepcopy(sorted(found, key=lambda file: file.key)[:limit])

    async def change_each(
        self, changes: Mapping[UUID, Mapping[str, Any]], *, when: Collection[UploadStatus]
    ) -> list[File]:
        """Change fields of each record, as `change` does; returns those that were changed."""
        for fields in changes.values():
            check_values(fields)
        with self._lock:
            each = [await self.change(file_id, when=when, **fields) for file_id, fields in changes.items()]
        return [file for file in each if file is not None]

    async def remove_all(self, file_ids: Collection[UUID]) -> None:
        """Delete records and their reported parts."""
        with self._lock:
            for file_id in file_ids:
                await self.remove(file_id)

    async def claim_trash(self, before: datetime, *, now: datetime, limit: int) -> list[File]:
        """Mark up to `limit` records that were deleted before a moment as being purged."""
        with self._lock:
            trash = [(file.deleted, file.id) for file in self._files.values() if file.deleted and not file.purging]
            oldest = sorted((deleted, file_id) for deleted, file_id in trash if deleted < before)[:limit]
            marked = [_kept(self._files[file_id].evolve(purging=now)) for _, file_id in oldest]
            self._keep(marked)
            return deepcopy(marked)

    async def claim_due(self, *, now: datetime, stuck_before: datetime, until: datetime, limit: int) -> list[File]:
        """Take up to `limit` uploads that are due in hand until a moment."""
        with self._lock:
            due = [file for file in self._files.values() if _is_due(file, now=now, stuck_before=stuck_before)]
            free = [file for file in due if file.tended is None or file.tended < now]
            claimed = [_kept(file.evolve(tended=until)) for file in sorted(free, key=lambda file: file.expires)[:limit]]
            self._keep(claimed)
            return deepcopy(claimed)

    async def remove_ended(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` old records of aborted and failed uploads; how many."""
        with self._lock:
            ended = [file.id for file in self._files.values() if _has_ended(file, before=before)][:limit]
            for file_id in ended:
                await self.remove(file_id)
            return len(ended)

    async def count_due(
        self,
        *,
        now: datetime,
        stuck_before: datetime,
        single_puts_before: datetime,
        deleted_before: datetime,
        ended_before: datetime,
    ) -> Due:
        """How much there is for upkeep to do."""
        with self._lock:
            files = list(self._files.values())
        free = [file for file in files if file.tended is None or file.tended < now]
        return Due(
            uploads=sum(_is_due(file, now=now, stuck_before=stuck_before) for file in free),
            left=sum(_is_left(file, single_puts_before=single_puts_before) for file in free),
            trash=sum(bool(file.deleted and file.deleted < deleted_before and not file.purging) for file in files),
            ended=sum(_has_ended(file, before=ended_before) for file in files),
        )

    async def usage(self, owner: str) -> Usage:
        """What an owner uses."""
        check_text("owner", owner)
        with self._lock:
            return _usage(file for file in self._files.values() if file.created_by == owner)

    async def reclaimable(self, *, owner: str | None, single_puts_before: datetime, limit: int) -> list[File]:
        """Up to `limit` files of an owner (None: of all) that ended and still count."""
        with self._lock:
            mine = [file for file in self._files.values() if owner in {None, file.created_by}]
            left = (file for file in mine if _is_left(file, single_puts_before=single_puts_before))
            return deepcopy(list(islice(left, limit)))

    async def check(self) -> None:
        """Memory answers."""

    async def aclose(self) -> None:
        """Nothing to give back."""

    def _keep(self, files: Iterable[File]) -> None:
        for file in files:
            self._note(self._files.get(file.id), file)
            self._files[file.id] = file

    def _check_limits(self, fresh: Sequence[File]) -> None:
        """Raise unless these records fit the limits that they name, one after the other."""
        used: dict[str, Usage] = {}
        for file in fresh:
            owner = file.created_by
            before = used.get(owner) or _usage(each for each in self._files.values() if each.created_by == owner)
            used[owner] = after = _sum(before, _usage([file]))
            if after.bytes > _MOST_BYTES:
                raise InvalidInput("The owner's bytes are out of range; numbers have at most 64 bits.")
            if file.counted and file.quota_bytes is not None and after.bytes > file.quota_bytes:
                raise over_limit(OVER_BYTES)
            begins = file.upload_status in UNFINISHED
            if begins and file.quota_uploads is not None and after.open_uploads > file.quota_uploads:
                raise over_limit(OVER_UPLOADS)

    def _same_request(self, file: File) -> File | None:
        if file.idempotency_key is None:
            return None
        request = (file.created_by, file.idempotency_key)
        return next((each for each in self._files.values() if (each.created_by, each.idempotency_key) == request), None)


def _usage(files: Iterable[File]) -> Usage:
    mine = list(files)
    counted = [file.file_size for file in mine if file.counted]
    unfinished = sum(file.upload_status in UNFINISHED for file in mine)
    return Usage(bytes=sum(counted), files=len(counted), open_uploads=unfinished)


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        bytes=one.bytes + other.bytes,
        files=one.files + other.files,
        open_uploads=one.open_uploads + other.open_uploads,
    )


def _is_dead(file: File) -> bool:
    return file.upload_status in {UploadStatus.ABORTED, UploadStatus.FAILED} or file.purging is not None


def _is_due(file: File, *, now: datetime, stuck_before: datetime) -> bool:
    stuck = file.upload_status is UploadStatus.COMPLETING and file.modified < stuck_before
    untold = file.untold is not None and file.untold < stuck_before
    return stuck or untold or (file.upload_status in UNFINISHED and file.expires < now)


def _is_left(file: File, *, single_puts_before: datetime) -> bool:
    surely_dead = not file.single_put or (file.completed or file.modified) < single_puts_before
    return file.counted and _is_dead(file) and surely_dead


def _has_ended(file: File, *, before: datetime) -> bool:
    dead = file.upload_status in {UploadStatus.ABORTED, UploadStatus.FAILED}
    return dead and file.settled and file.modified < before


def _values(file: File) -> dict[str, Any]:
    return {name: getattr(file, name) for name in file.__slots__}


def _kept(file: File) -> File:
    """A record as a database would give it back: its own copy, times in UTC."""
    times = {name: getattr(file, name) for name in TIMES}
    in_utc = {name: time.astimezone(UTC) for name, time in times.items() if time is not None}
    return deepcopy(file.evolve(**in_utc))


def _place(file: File) -> tuple[Any, UUID]:
    return file.created, file.id


def _conditions(query: FileQuery, cursor: Cursor | None) -> list[Condition]:
    wanted = {
        "created_by": query.owner,
        "upload_status": query.status,
        "parent_content_type": query.parent_content_type,
        "parent_object_id": query.parent_object_id,
        "fingerprint": query.fingerprint,
    }
    conditions: list[Condition] = [
        lambda file: file.purging is None and (file.deleted is not None) == query.deleted,
        lambda file: all(value is None or getattr(file, name) == value for name, value in wanted.items()),
    ]
    if query.search is not None:
        needle = folded(query.search)
        conditions.append(lambda file: needle in folded(file.name) or needle in folded(file.file_name))
    if cursor is not None:
        place = (cursor.created, cursor.id)
        conditions.append(lambda file: _place(file) > place if cursor.newer else _place(file) < place)
    return conditions
