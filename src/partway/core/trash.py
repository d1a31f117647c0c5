"""The story of many deletions: files that a caller names, and those that have lain in the trash for long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from partway.core.file import Caller, File, UploadStatus
from partway.core.files import Files
from partway.core.keys import is_unique
from partway.core.ports import BulkDeletes, BulkRecords, Clock, Records, Store, SystemClock, TrashRecords
from partway.core.settling import last_url_dies
from partway.errors import PartwayError, StoreError, StoreRefused

_MOST_AT_ONCE = 1000  #: objects in one request; https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_JANITOR = Caller(id="", staff=True)  # who empties the trash: every owner's

#: File's id → what went wrong; None: it is deleted.
Outcomes = dict[UUID, PartwayError | None]


class Purge(NamedTuple):
    """What became of old trash."""

    removed: int  #: files whose object and record are gone
    failed: int  #: files that stay hidden until they are gone


class Trash:
    """Deletes many files with few requests, and empties the trash.

    Args:
        store: where the bytes are.
        records: where the files are remembered.
        files: deletes what needs a look of its own, such as open uploads.
        url_expiry: seconds that presigned URLs live: a single PUT could create its object again until then.
        clock: the time of day.
    """

    def __init__(
        self, *, store: Store, records: Records, files: Files, url_expiry: int, clock: Clock | None = None
    ) -> None:
        self._store = store
        self._records = records
        self._files = files
        self._url_expiry = url_expiry
        self._clock = clock or SystemClock()

    async def delete_many(
        self, file_ids: Sequence[UUID], *, caller: Caller, hard: bool = False
    ) -> list[PartwayError | None]:
        """Delete files as `Files.delete` does; what is wrong with one does not stop the others.

        Returns:
            For each id, in order, None or the error that it would have got alone.
        """
        outcomes: Outcomes = {}
        if isinstance(self._records, BulkRecords):
            found = await self._records.get_all(set(file_ids), owner=caller.sees_only)
            ready = [file for file in found if _is_plain(file) or not hard]
            marked = await self._mark(self._records, ready, hard=hard)
            outcomes = await self._remove(self._records, marked) if hard else {file.id: None for file in marked}
        for file_id in dict.fromkeys(file_ids):
            if file_id not in outcomes:
                outcomes[file_id] = await self._delete_one(file_id, caller, hard=hard)
        return [outcomes[file_id] for file_id in file_ids]

    async def purge_trash(self, older_than: timedelta, *, limit: int = _MOST_AT_ONCE) -> Purge:
        """Delete up to `limit` files for good that were deleted longer than `older_than` ago, the oldest first.

        Call it again until it removes less than `limit`. Several processes may do so at once. A file that is restored
        meanwhile stays. One whose object cannot be removed now is not given back, since the store may have removed it
        without saying so: it stays hidden, and `Settling.reclaim` goes on with it.

        Raises:
            StoreError: the records cannot tell what is old (code `not_supported`).
        """
        if not isinstance(self._records, TrashRecords) or not isinstance(self._records, BulkRecords):
            raise StoreError("These records cannot tell what is old trash.", code="not_supported")
        now = self._clock.now()
        claimed = await self._records.claim_trash(now - older_than, now=now, limit=limit)
        outcomes = await self._remove(self._records, [file for file in claimed if _is_plain(file)])
        for file in claimed:
            if file.id not in outcomes:
                outcomes[file.id] = await self._delete_one(file.id, _JANITOR, hard=True)
        failed = sum(error is not None for error in outcomes.values())
        return Purge(removed=len(outcomes) - failed, failed=failed)

    async def _mark(self, records: BulkRecords, files: Sequence[File], *, hard: bool) -> list[File]:
        """Hide finished files in one transaction; those that changed their state meanwhile are left out."""
        now = self._clock.now()
        changes = {
            # A soft deletion does not touch `purging`: a hard one may be under way.
            file.id: {
                "deleted": file.deleted or now,
                "modified": now,
                **({"purging": file.purging or now} if hard else {}),
            }
            for file in files
        }
        return await records.change_each(changes, when={UploadStatus.COMPLETED})

    async def _remove(self, records: BulkRecords, files: Sequence[File]) -> Outcomes:
        """Remove the objects of hidden files, then the records of those that are gone.

        A record stays, hidden, while a URL of a single PUT could bring its object back: see `Settling.reclaim`.
        """
        outcomes: Outcomes = {}
        for batch in _batches(files):
            failed = await self._delete_objects([file.key for file in batch])
            gone = [file for file in batch if file.key not in failed and not self._may_come_back(file)]
            # A transaction that changed what several owners use could wait for another in a circle: one for each owner.
            for owner in {file.created_by for file in gone}:
                await records.remove_all([file.id for file in gone if file.created_by == owner])
            outcomes |= {file.id: failed.get(file.key) for file in batch}
        return outcomes

    async def _delete_objects(self, keys: Sequence[str]) -> Mapping[str, PartwayError]:
        if not isinstance(self._store, BulkDeletes):
            tried = [(key, await self._delete_object(key)) for key in keys]
            return {key: error for key, error in tried if error is not None}
        try:
            refused = await self._store.delete_objects(keys)
        except StoreError as error:
            return dict.fromkeys(keys, error)
        return {key: _not_deleted(code) for key, code in refused.items()}

    async def _delete_object(self, key: str) -> StoreError | None:
        try:
            await self._store.delete(key)
        except StoreError as error:
            return error
        return None

    async def _delete_one(self, file_id: UUID, caller: Caller, *, hard: bool) -> PartwayError | None:
        try:
            await self._files.delete(file_id, caller=caller, hard=hard)
        except PartwayError as error:
            return error
        return None

    def _may_come_back(self, file: File) -> bool:
        return file.single_put and self._clock.now() <= last_url_dies(file, self._url_expiry)


def _is_plain(file: File) -> bool:
    """Whether what lies under the key is all that there is: the file is finished, and no other can have the key."""
    return file.upload_status is UploadStatus.COMPLETED and is_unique(file.key, file.id)


def _batches(files: Sequence[File]) -> Iterator[Sequence[File]]:
    return (files[start : start + _MOST_AT_ONCE] for start in range(0, len(files), _MOST_AT_ONCE))


def _not_deleted(code: str) -> StoreRefused:
    return StoreRefused(
        f"The store did not delete the object ({code or 'no reason given'}); the file is hidden, and deleting it again "
        "goes on.",
        store_code=code,
    )
