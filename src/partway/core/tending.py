"""One file looked after at somebody's word: what upkeep would do for it, now, and completing what is all there."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from partway.core.file import UNFINISHED, File, UploadStatus
from partway.core.ports import Clock, Records, SystemClock
from partway.core.refusals import no_such_file, wrong_state
from partway.core.uploads import Uploads
from partway.errors import PartwayError, StoreUnavailable


class Tended(StrEnum):
    """What became of a file."""

    COMPLETED = "completed"  #: its parts were all there
    TOLD = "told"  #: the application was told that it is complete
    GIVEN_UP = "given_up"  #: it was past its deadline, and not all there
    SETTLED = "settled"  #: it had ended, and nothing of it is left at the store any more
    REMOVED = "removed"  #: its object and its record are gone
    WAITING = "waiting"  #: nothing is left of it, but a URL that lives on could bring it back
    NOTHING = "nothing"  #: there was nothing to do


class Tending:
    """Looks after one file.

    Args:
        records: where the files are remembered.
        uploads: completes and gives up.
        clock: the time of day.
    """

    def __init__(self, *, records: Records, uploads: Uploads, clock: Clock | None = None) -> None:
        self._records = records
        self._uploads = uploads
        self._clock = clock or SystemClock()

    async def tend(self, file_id: UUID) -> Tended:
        """Go on with what is stuck. Twice is fine.

        Raises:
            NotFound: there is no such file.
            PartsMissing: not all parts are there, and it is not past its deadline; it stays open.
            Conflict: it is begun or completed at this moment, or has just failed.
            StoreError: the store did not let it be done.
        """
        file = await self._records.get(file_id)
        if file is None:
            raise no_such_file()
        if file.purging is not None:
            return await self._remove(file)
        if file.upload_status in UNFINISHED:
            return await self._end(file)
        if file.untold is not None:
            await self._uploads.completion.tell(file)
            return Tended.TOLD
        if file.upload_status is UploadStatus.COMPLETED or file.settled:
            return Tended.NOTHING
        dropped = await self._uploads.settling.drop(file)
        return Tended.SETTLED if dropped.settled else Tended.WAITING

    async def _remove(self, file: File) -> Tended:
        await self._uploads.settling.purge(file)
        return Tended.REMOVED if await self._records.get(file.id) is None else Tended.WAITING

    async def _end(self, file: File) -> Tended:
        """Complete an upload, or give it up if that cannot be and nobody came back to it in time."""
        overdue = file.expires < self._clock.now()
        try:
            if file.upload_status is UploadStatus.PENDING:
                raise wrong_state(file)
            await self._uploads.completion.complete(file, {})
        except StoreUnavailable:
            raise
        except PartwayError:
            if not overdue:
                raise
            await self._uploads.give_up(file)
            return Tended.GIVEN_UP
        return Tended.COMPLETED
