"""Events: what happened to files, in the order in which it happened to each, for whoever waits or wants to be told.

Every change of state leaves one in the records, in the transaction of the change (an outbox): none is lost with a
crash, none tells of what was rolled back. Positions are given afterwards, in one order for all readers: two
transactions do not end in the order in which they began, so that who reads on by a number of insertion would miss some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable
from uuid import UUID


class EventType(StrEnum):
    """What happened."""

    INITIATED = "upload.initiated"  #: a record was made
    UPLOADING = "upload.uploading"  #: parts may be sent, for the first time or again after a completion that went wrong
    COMPLETING = "upload.completing"  #: the store was told to join the parts
    COMPLETED = "upload.completed"  #: the object is there and was verified
    ABORTED = "upload.aborted"  #: given up by its owner or by its deadline
    FAILED = "upload.failed"  #: did not pass verification, or has lost its object; `failure` says why
    DELETED = "file.deleted"  #: put into the trash
    RESTORED = "file.restored"  #: taken out of the trash
    REMOVED = "file.removed"  #: the record is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to one file."""

    position: int  #: grows with every event; those of one file stand in the order in which they happened
    id: UUID  #: the same however often the event is delivered
    type: EventType
    file_id: UUID
    owner: str
    created: datetime
    data: Mapping[str, Any]  #: of the file at that moment: `file_name`, `file_size`, `upload_status`, …


@runtime_checkable
class EventRecords(Protocol):
    """Optional power of records: they keep events."""

    async def place_events(self, *, limit: int = 1000) -> int:
        """Give positions to up to `limit` events that have none yet; the last position given, 0 if there was none.

        One process at a time does it; another that asks meanwhile waits for nothing, and gets 0.
        """
        ...

    async def events_after(
        self, position: int, *, file_id: UUID | None = None, owner: str | None = None, limit: int = 100
    ) -> Sequence[Event]:
        """Up to `limit` events behind a position, in order, of one file or one owner or of all."""
        ...

    async def last_position(self) -> int:
        """The highest position given; 0: none yet."""
        ...

    async def remove_events(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` placed events that are older than a moment; say how many.

        The last one stays, so that positions never begin anew.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an upload has come, for watchers. It is told as it comes and kept nowhere."""

    file_id: UUID
    owner: str
    uploaded_parts: int
    num_parts: int
    uploaded_size: int  #: bytes
    file_size: int  #: bytes


class Teller(Protocol):
    """Is told of news."""

    def tell(self, news: Progress | None = None) -> None:
        """Say that something was committed (None), or how far an upload has come. Never waits, never fails."""
        ...


class EventTrunk(Teller, Protocol):
    """Carries news to all who wait in this process and, where the records can, in the others."""

    def branch(self) -> EventFeed:
        """The news for one more who waits. It ends when nobody holds it."""
        ...


class EventFeed(EventTrunk, Protocol):
    """Wakes one who waits for news."""

    async def next(self, *, timeout: float) -> Sequence[Progress] | None:
        """Wait for news, at most `timeout` seconds: progress that was told, maybe none; None: nothing came.

        What is told between two calls is given at once by the second, of each upload the latest progress. After any
        answer look for events behind the last position that you know.
        """
        ...
