"""The story of those who watch: what happens to one upload, or to the files of an owner, as it happens.

Nothing is queued for a watcher. Whoever is woken reads the events behind the position it has come to, so that a slow
one costs no memory, and one that comes again misses nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from partway.core.events import Event, EventRecords, EventType, Progress
from partway.core.file import UNFINISHED, Caller, File
from partway.core.ports import Records
from partway.core.progress import held_progress, reported_progress
from partway.core.refusals import no_such_file
from partway.core.uploads import Uploads
from partway.errors import NotFound

HEARTBEAT = 15  #: seconds of silence after which a sign of life is due
_PLACED_WITHIN = 3  #: seconds after which an event has its position
_PAGE = 100  #: events read at once
_MOST_OF_ONE_FILE = 1000  #: events; a file has a handful
_NOTHING: Sequence[Progress] = ()

#: After one of these nothing more is said of an upload.
FINAL = frozenset({EventType.COMPLETED, EventType.ABORTED, EventType.FAILED, EventType.REMOVED})


class WatchedRecords(Records, EventRecords, Protocol):
    """Records that keep events."""


class News(Protocol):
    """Wakes one watcher. See `partway.core.events.EventFeed`."""

    async def next(self, *, timeout: float) -> Sequence[Progress] | None:
        """Wait for news, at most `timeout` seconds: progress that was told, maybe none; None: nothing came."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """From here on a watcher of an owner is told."""

    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """An upload as it stands; what happens later is behind `position`."""

    position: int
    file: File
    progress: Progress

    @property
    def is_final(self) -> bool:
        """Nothing more is to come."""
        return is_over(self.file)


#: What a watcher is told; None is a sign of life.
Item = Beginning | State | Event | Progress | None


def is_over(file: File) -> bool:
    """Whether the upload has come to its end, good or bad."""
    return file.upload_status not in UNFINISHED


class Watching:
    """Tells watchers what happens.

    Args:
        records: where files and events are remembered.
        uploads: know what the store holds.
    """

    def __init__(self, *, records: WatchedRecords, uploads: Uploads) -> None:
        self._records = records
        self._uploads = uploads

    async def find(self, file_id: UUID, *, caller: Caller) -> File:
        """The file to watch.

        Raises:
            NotFound: there is no such file for this caller.
        """
        file = await self._records.get(file_id, owner=caller.sees_only)
        if file is None or file.deleted is not None or file.purging is not None:
            raise no_such_file()
        return file

    async def has_heard_all(self, file: File, after: int | None) -> bool:
        """Whether who has read up to a position knows how the upload ended."""
        if after is None or not is_over(file):
            return False
        events = await self._records.events_after(0, file_id=file.id, limit=_MOST_OF_ONE_FILE)
        return any(event.type in FINAL and event.position <= after for event in events)

    async def upload(self, file_id: UUID, news: News, *, after: int | None = None) -> AsyncGenerator[Item, None]:
        """What happens to one upload, until its end.

        Args:
            news: wakes us of this file; heard from before this begins.
            after: the position up to which the watcher knows; None: it is told the state first.
        """
        position, resumed = await self._begin(after)
        progress: Sequence[Progress] | None = _NOTHING
        told, patience = -1, _PLACED_WITHIN if resumed else HEARTBEAT
        if not resumed:
            state = await self._state(file_id, position)
            if state is not None:
                yield state
            if state is None or state.is_final:
                return
            told = state.progress.uploaded_size
        while True:
            for each in progress or ():
                if each.uploaded_size > told:  # reports and the store's listing need not come in order
                    yield each
                    told = each.uploaded_size
            page = await self._records.events_after(position, file_id=file_id, limit=_PAGE)
            for event in page:
                yield event
                position = event.position
                if event.type in FINAL:
                    return
            if progress is None:
                ended = await self._ended(file_id, position)
                yield ended
                if ended is not None:
                    return
                patience = HEARTBEAT
            progress = await news.next(timeout=patience) if len(page) < _PAGE else _NOTHING

    async def files(self, owner: str | None, news: News, *, after: int | None = None) -> AsyncGenerator[Item, None]:
        """What happens to the files of an owner (None: of all), without end.

        Args:
            news: wakes us of these files; heard from before this begins.
            after: the position up to which the watcher knows; None: what happens from now on.
        """
        position, resumed = await self._begin(after)
        if not resumed:
            yield Beginning(position=position)
        progress: Sequence[Progress] | None = _NOTHING
        while True:
            for each in progress or ():
                yield each
            page = await self._records.events_after(position, owner=owner, limit=_PAGE)
            for event in page:
                yield event
                position = event.position
            if progress is None:
                yield None
            progress = await news.next(timeout=HEARTBEAT) if len(page) < _PAGE else _NOTHING

    async def ask(self, file: File) -> Progress | None:
        """How far an upload has come by what the store holds; None: it is over."""
        try:
            state = await self._uploads.state(file.id, caller=Caller(id=file.created_by))
        except NotFound:
            return None
        return None if is_over(state.file) else held_progress(state.file, state.held)

    async def _begin(self, after: int | None) -> tuple[int, bool]:
        """The position to read on from, and whether it is the watcher's; one we never gave is not taken for one."""
        last = await self._records.last_position()
        return (last, False) if after is None or after > last else (after, True)

    async def _state(self, file_id: UUID, position: int) -> State | None:
        file = await self._records.get(file_id)
        if file is None:
            return None
        reported = await self._records.reported_parts(file_id)
        return State(position=position, file=file, progress=reported_progress(file, reported))

    async def _ended(self, file_id: UUID, position: int) -> State | None:
        """The state of an upload that is over without an event that says so: it is not placed yet, or was removed."""
        state = await self._state(file_id, position)
        return state if state is not None and state.is_final else None
