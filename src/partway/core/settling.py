"""Settling what has ended: nothing of the file is left at the store, and its owner has the bytes back.

A presigned PUT outlives its upload: after an abort, or a deletion, it can still bring the object (back). So a file that
came by one (`File.single_put`) counts until its last URL is dead, also a deleted one, whose record is kept, hidden,
until then. The URLs of a multipart upload die with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypedDict

from partway.core.file import File, UploadStatus
from partway.core.ports import BulkRecords, Clock, MultipartStore, Records, Store, UsageRecords
from partway.core.reservation import delete_own
from partway.core.together import Together, one_by_one
from partway.core.verification import Verdict, judge_object
from partway.errors import StoreError, StoreUnavailable

_ON_ITS_WAY = timedelta(seconds=60)  #: how long a request that was sent to the store may take to be done
_MARGIN = timedelta(seconds=60)  #: clocks differ, and a URL may have been signed while the upload ended

#: Files that one call settles at most, unless it says otherwise.
MAX_RECLAIMED = 50
#: Files that are looked after at once.
AT_ONCE = 16
_ENDED = frozenset({UploadStatus.ABORTED, UploadStatus.FAILED})


class Settled(TypedDict):
    """The fields of a file that say whether something of it may be left at the store."""

    settled: bool
    counted: bool


def settled_as(gone: bool) -> Settled:
    """What a file that is aborted or failed becomes: settled and given back, in one change; or neither."""
    return Settled(settled=gone, counted=not gone)


def last_url_dies(file: File, url_expiry: int) -> datetime:
    """When the last presigned PUT of a file that has ended is surely dead.

    Args:
        file: completed, aborted or failed: nothing is signed for it any more.
        url_expiry: seconds that URLs live.
    """
    return (file.completed or file.modified) + life_of_urls(url_expiry)


def life_of_urls(url_expiry: int) -> timedelta:
    """After how long URLs that live `url_expiry` seconds are surely dead."""
    life = timedelta(seconds=url_expiry)
    return life + min(life, _MARGIN)


async def drop_uploads(file: File, *, store: MultipartStore) -> None:
    """Abort the multipart uploads of a file whose own has been joined, or is not wanted any more.

    Raises:
        StoreError: the store did not confirm it.
    """
    if file.single_put:
        return
    known = [file.upload_id] if file.upload_id else []
    found = await store.find_uploads(file.key) if file.spares or not known else []
    for upload_id in dict.fromkeys([*known, *found]):
        await store.abort_upload(file.key, upload_id)


class Settling:
    """Removes what ended files have left at the store, and gives back what they used.

    Every step may run twice, also at once: giving back is a change of the record, and the database keeps the sum.

    Args:
        store: where the bytes are.
        records: where the files are remembered.
        url_expiry: seconds that presigned URLs of parts live.
        clock: the time of day.
    """

    def __init__(self, *, store: Store, records: Records, url_expiry: int, clock: Clock) -> None:
        self._store = store
        self._records = records
        self._url_expiry = url_expiry
        self._clock = clock

    async def drop(self, file: File) -> File:
        """Make the store forget an aborted or failed upload, and note it once that is confirmed.

        Returns:
            The record as it then stands.

        Raises:
            StoreError: the store did not confirm it; the file still counts.
        """
        await self._clear(file)
        return await self._records.change(file.id, when={file.upload_status}, **self._cleared(file)) or file

    async def drop_all(self, files: Sequence[File], *, together: Together = one_by_one) -> list[StoreError | None]:
        """Drop many at once; for each, in order, None or the error that it would have got alone.

        Once the store is not available, the others are not tried.
        """
        away: list[StoreError] = []

        async def clear(file: File) -> StoreError | None:
            try:
                if not away:
                    await self._clear(file)
            except StoreUnavailable as error:
                away.append(error)
            except StoreError as error:
                return error
            return away[0] if away else None

        errors = await together([partial(clear, file) for file in files], at_once=AT_ONCE)
        cleared = [file for file, error in zip(files, errors, strict=True) if error is None]
        await self.change_all(cleared, self._cleared, when=_ENDED, together=together)
        return errors

    async def change_all(
        self,
        files: Sequence[File],
        changes: Callable[[File], Mapping[str, Any]],
        *,
        when: Collection[UploadStatus],
        together: Together = one_by_one,
    ) -> list[File]:
        """Change many records, with few transactions if the records can; those that were changed.

        A transaction that changed what several owners use could wait for another in a circle: each owner has one.
        """

        async def change(owner: str) -> list[File]:
            theirs = [file for file in files if file.created_by == owner]
            if isinstance(self._records, BulkRecords):
                return await self._records.change_each({file.id: changes(file) for file in theirs}, when=when)
            changed = [await self._records.change(file.id, when=when, **changes(file)) for file in theirs]
            return [file for file in changed if file is not None]

        owners = sorted({file.created_by for file in files})
        changed = await together([partial(change, owner) for owner in owners], at_once=AT_ONCE)
        return [file for theirs in changed for file in theirs]

    async def purge(self, file: File) -> None:
        """Remove the object of a file that is being purged, then its record, unless a URL could bring the object back.

        Raises:
            StoreError: the object could not be removed now.
        """
        if file.upload_status is UploadStatus.COMPLETED:
            await delete_own(file, store=self._store)
        elif not file.settled:
            await self.drop(file)
        if not self._may_come_back(file):
            await self._records.remove(file.id)

    async def reclaim(self, *, owner: str | None, limit: int = MAX_RECLAIMED, together: Together = one_by_one) -> int:
        """Settle files that ended and still count: what a crash, or a store that was down, left behind, and files of
        single PUTs whose URLs have died since.

        Args:
            owner: whose; None: everybody's, but for those that a run of upkeep has in hand.
            limit: files at most.
            together: how several are looked after at once.

        Returns:
            How many were looked after. One that the store refuses is left for the next time.
        """
        if not isinstance(self._records, UsageRecords):
            return 0
        now = self._clock.now()
        before = self.reclaims_single_puts_before(now)
        found = await self._records.reclaimable(owner=owner, single_puts_before=before, limit=limit)
        ripe = [file for file in found if not self._may_come_back(file)]
        free = [file for file in ripe if owner is not None or file.tended is None or file.tended < now]
        errors = await self.drop_all([file for file in free if file.purging is None], together=together)
        if any(isinstance(error, StoreUnavailable) for error in errors):
            return errors.count(None)
        purging = [partial(self._try_to_purge, file) for file in free if file.purging is not None]
        return errors.count(None) + sum(await together(purging, at_once=AT_ONCE))

    def reclaims_single_puts_before(self, now: datetime) -> datetime:
        """When a single PUT must have ended for its URL to be surely dead now."""
        return now - life_of_urls(self._url_expiry)

    async def _clear(self, file: File) -> None:
        """Remove what the store holds of an aborted or failed upload."""
        await drop_uploads(file, store=self._store)
        # A completion that was under way may have won at the store.
        if judge_object(file, await self._store.head(file.key)) not in {Verdict.ABSENT, Verdict.FOREIGN}:
            await self._store.delete(file.key)

    def _cleared(self, file: File) -> dict[str, Any]:
        """What becomes of a record when the store holds nothing of it any more."""
        return {"upload_id": None, **settled_as(not self._may_come_back(file))}

    async def _try_to_purge(self, file: File) -> bool:
        try:
            await self.purge(file)
        except StoreError:
            return False
        return True

    def _may_come_back(self, file: File) -> bool:
        """Whether a URL, or a request that has not ended yet, may still bring something to the store."""
        if not file.counted:
            return False
        if file.single_put:
            return self._clock.now() <= last_url_dies(file, self._url_expiry)
        if file.upload_status is not UploadStatus.ABORTED or file.upload_id is not None:
            return False
        # It was aborted before the store had named an upload. Past its deadline nobody is at it any more.
        return file.modified < file.expires and self._clock.now() <= file.modified + _ON_ITS_WAY
