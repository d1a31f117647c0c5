"""Events of records in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from threading import RLock
from typing import Any
from uuid import UUID, uuid4

from partway.core.events import Event, EventType
from partway.core.file import File, UploadStatus
from partway.records.values import check_text


class MemoryEvents:
    """The events of records in memory (`partway.core.events.EventRecords`)."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._waiting: list[Event] = []
        self._placed: list[Event] = []

    async def place_events(self, *, limit: int = 1000) -> int:
        """Give positions to up to `limit` events that have none yet; the last position given, 0 if there was none."""
        with self._lock:
            first = await self.last_position() + 1
            fresh = self._waiting[:limit]
            del self._waiting[:limit]
            self._placed += [replace(event, position=position) for position, event in enumerate(fresh, first)]
            return self._placed[-1].position if fresh else 0

    async def events_after(
        self, position: int, *, file_id: UUID | None = None, owner: str | None = None, limit: int = 100
    ) -> Sequence[Event]:
        """Up to `limit` events behind a position, in order, of one file or one owner or of all."""
        check_text("owner", owner or "")
        with self._lock:
            behind = [event for event in self._placed if event.position > position]
        wanted = [event for event in behind if file_id in {None, event.file_id} and owner in {None, event.owner}]
        return deepcopy(wanted[:limit])

    async def last_position(self) -> int:
        """The highest position given; 0: none yet."""
        with self._lock:
            return self._placed[-1].position if self._placed else 0

    async def remove_events(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` placed events that are older than a moment, but for the last one; how many."""
        with self._lock:
            old = {event.position for event in self._placed[:-1][:limit] if event.created < before}
            self._placed = [event for event in self._placed if event.position not in old]
            return len(old)

    def _note(self, before: File | None, after: File | None) -> None:
        """Keep the events of one file's change; None: it was not there, or is no more."""
        file = after or before
        if file is None:
            return
        for what in _happened(before, after):
            self._waiting.append(
                Event(
                    position=0,
                    id=uuid4(),
                    type=what,
                    file_id=file.id,
                    owner=file.created_by,
                    created=datetime.now(UTC),
                    data=_told(file),
                )
            )


def _happened(before: File | None, after: File | None) -> Iterator[EventType]:
    if before is None:
        yield EventType.INITIATED
        return
    if after is None:
        yield EventType.REMOVED
        return
    if after.upload_status not in {before.upload_status, UploadStatus.PENDING}:
        yield EventType(f"upload.{after.upload_status}")
    if (before.deleted is None) != (after.deleted is None):
        yield EventType.RESTORED if after.deleted is None else EventType.DELETED


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _told(file: File) -> dict[str, Any]:
    return {
        "file_name": file.file_name,
        "name": file.name,
        "file_size": file.file_size,
        "file_content_type": file.file_content_type,
        "detected_content_type": file.detected_content_type,
        "s3_key": file.key,
        "upload_status": file.upload_status.value,
        "failure": file.failure,
        "etag": file.etag,
        "checksum": file.checksum,
        "parent_content_type": file.parent_content_type,
        "parent_object_id": file.parent_object_id,
        "is_public": file.is_public,
        "metadata": deepcopy(dict(file.metadata)),
        "deleted": file.deleted and _time_text(file.deleted),
    }
