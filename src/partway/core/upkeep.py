"""Upkeep: ends what nobody looks after any more, so that records and store agree and nothing is paid for in vain.

Any number of processes may run it at once. Each upload that is due is claimed by one of them for a while; all other
steps may run twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import partial

from partway.core.completion import PATIENCE
from partway.core.events import EventRecords
from partway.core.file import OPEN, Caller, File, UploadStatus
from partway.core.ports import Clock, Records, SystemClock, UpkeepRecords
from partway.core.settling import AT_ONCE, Settling
from partway.core.together import Together, one_by_one
from partway.core.trash import Trash
from partway.core.uploads import Uploads
from partway.errors import Conflict, NotFound, PartwayError, StoreError, StoreUnavailable

_IN_HAND = timedelta(minutes=10)  #: how long a claim holds; a run that died has its uploads claimed again then
_BATCH = 200  #: files that one step takes at once
_EVENTS = 5000  #: events that are removed, or given positions, at once
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  #: nothing was deleted before it
_JANITOR = Caller(id="", staff=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepSettings:
    """What upkeep does beyond what always has to be done."""

    complete_vanished: bool = False  #: complete uploads past their deadline whose parts are all there
    keep_ended: timedelta = timedelta(days=7)  #: how long records of aborted and failed uploads are kept
    keep_trash: timedelta | None = timedelta(days=30)  #: how long soft-deleted files are kept; None: for ever
    keep_events: timedelta = timedelta(days=7)  #: how long events are kept for who reads on from where they were


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepReport:
    """What one run did, or would do, in numbers of files (and of events)."""

    completed: int = 0  #: uploads that a crash had left half completed, or whose clients had vanished
    told: int = 0  #: finished files that the application was told of, since a crash had come between
    expired: int = 0  #: uploads past their deadline that were given up
    settled: int = 0  #: ended uploads and deletions of which nothing is left at the store any more
    purged: int = 0  #: files removed from the trash
    removed: int = 0  #: old records of ended uploads
    events: int = 0  #: old events, which are no files
    failed: int = 0  #: files that the store did not let us look after; the next run tries again

    def __add__(self, other: UpkeepReport) -> UpkeepReport:
        """Both together."""
        return UpkeepReport(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )

    @property
    def total(self) -> int:
        """All that was looked after."""
        return sum(getattr(self, field.name) for field in fields(self))


class Upkeep:
    """Looks after what was left.

    Args:
        records: where the files are remembered; they can tell what is due (`UpkeepRecords`).
        uploads: completes and gives up.
        settling: removes what ended files have left at the store.
        trash: empties the trash.
        settings: what to do.
        clock: the time of day.
        together: how several files are looked after at once.
    """

    def __init__(
        self,
        *,
        records: Records,
        uploads: Uploads,
        settling: Settling,
        trash: Trash,
        settings: UpkeepSettings | None = None,
        clock: Clock | None = None,
        together: Together = one_by_one,
    ) -> None:
        if not isinstance(records, UpkeepRecords):
            raise StoreError("These records cannot tell what is due.", code="not_supported")
        self._records = records
        self._uploads = uploads
        self._settling = settling
        self._trash = trash
        self._settings = settings or UpkeepSettings()
        self._clock = clock or SystemClock()
        self._together = together

    async def run(self) -> UpkeepReport:
        """Do all that there is to do now.

        Raises:
            RecordsUnavailable: the database does not answer.
        """
        report = UpkeepReport()
        while True:
            done = await self.step()
            report += done
            # What failed stays for the next run: going round at once would not make it better.
            if done.total == done.failed:
                return report

    async def step(self) -> UpkeepReport:
        """Do a part of it: at most a batch of each kind. `total` is 0 when nothing was there to do."""
        now = self._clock.now()
        report = await self._tend_all(
            await self._records.claim_due(now=now, stuck_before=now - PATIENCE, until=now + _IN_HAND, limit=_BATCH)
        )
        report += UpkeepReport(settled=await self._settling.reclaim(owner=None, limit=_BATCH, together=self._together))
        if self._settings.keep_trash is not None:
            purge = await self._trash.purge_trash(self._settings.keep_trash, limit=_BATCH)
            report += UpkeepReport(purged=purge.removed, failed=purge.failed)
        removed = await self._records.remove_ended(now - self._settings.keep_ended, limit=_BATCH)
        return report + UpkeepReport(
            removed=removed, events=await self._remove_events(now - self._settings.keep_events)
        )

    async def look(self) -> UpkeepReport:
        """How much there would be to do, without doing it. Old events are not counted.

        What would become of an upload that is due only the store can tell: they are counted as given up.
        """
        now = self._clock.now()
        keep_trash = self._settings.keep_trash
        due = await self._records.count_due(
            now=now,
            stuck_before=now - PATIENCE,
            single_puts_before=self._settling.reclaims_single_puts_before(now),
            deleted_before=_NEVER if keep_trash is None else now - keep_trash,
            ended_before=now - self._settings.keep_ended,
        )
        return UpkeepReport(expired=due.uploads, settled=due.left, purged=due.trash, removed=due.ended)

    async def _remove_events(self, before: datetime) -> int:
        if not isinstance(self._records, EventRecords):
            return 0
        while await self._records.place_events(limit=_EVENTS):  # where no feed runs nobody else gives positions
            pass
        return await self._records.remove_events(before, limit=_EVENTS)

    async def _tend_all(self, files: Sequence[File]) -> UpkeepReport:
        """Finish or end uploads, or tell of them."""
        to_end = OPEN if not self._settings.complete_vanished else {UploadStatus.PENDING}
        report = await self._give_up_all([file for file in files if file.upload_status in to_end])
        others = [partial(self._tend, file) for file in files if file.upload_status not in to_end]
        return sum(await self._together(others, at_once=AT_ONCE), report)

    async def _tend(self, file: File) -> UpkeepReport:
        """Finish or end one upload, or tell of it."""
        if file.untold is not None:
            await self._uploads.completion.tell(file)
            return UpkeepReport(told=1)
        try:
            if await self._is_completed(file):
                return UpkeepReport(completed=1)
            await self._uploads.give_up(file)
        except StoreUnavailable:
            return UpkeepReport(failed=1)
        except (NotFound, Conflict):  # somebody came back to it, or was quicker
            return UpkeepReport()
        except PartwayError:
            return UpkeepReport(failed=1)
        return UpkeepReport(expired=1)

    async def _give_up_all(self, files: Sequence[File]) -> UpkeepReport:
        """End open uploads: first all the records, then what the store holds. Those that somebody came back to stay."""
        ended = {"upload_status": UploadStatus.ABORTED, "modified": self._clock.now()}
        aborted = await self._settling.change_all(files, lambda _: ended, when=OPEN, together=self._together)
        errors = await self._settling.drop_all(aborted, together=self._together)
        untried = [file for file, error in zip(aborted, errors, strict=True) if isinstance(error, StoreUnavailable)]
        # Nothing is wrong with them: whoever comes when the store is back is to take them.
        await self._settling.change_all(untried, lambda _: {"tended": None}, when={UploadStatus.ABORTED})
        done = errors.count(None)
        return UpkeepReport(expired=done, failed=len(errors) - done)

    async def _is_completed(self, file: File) -> bool:
        """Whether the upload could be completed: it was being completed, or, by setting, it is all there."""
        stuck = file.upload_status is UploadStatus.COMPLETING
        vanished = file.upload_status is UploadStatus.UPLOADING and self._settings.complete_vanished
        if not (stuck or vanished):
            return False
        try:
            await self._uploads.complete(file.id, caller=_JANITOR)
        except StoreUnavailable:
            raise
        except PartwayError:
            return False
        return True
