"""What the checks of events share."""

from __future__ import annotations

from partway.core.events import EventRecords, EventType
from partway.records.contract.bench import Bench


async def place_all(records: EventRecords) -> None:
    """Give positions to all events that wait for one."""
    while await records.place_events():
        pass


async def types_of(bench: Bench) -> list[EventType]:
    """What happened to the files of the bench's owner, in order."""
    assert isinstance(bench.records, EventRecords)  # the caller has looked
    return [event.type for event in await bench.records.events_after(0, owner=bench.owner)]
