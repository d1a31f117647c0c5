"""Events in a SQL database. Triggers write them (`partway.records.migrations.events_0001`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from partway.core.events import Event
from partway.records.database import Database
from partway.records.event_statements import EventStatements
from partway.records.values import check_text


class SqlEvents:
    """The events of SQL records (`partway.core.events.EventRecords`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = database.rows
        self._event_statements = EventStatements(database.dialect)

    async def place_events(self, *, limit: int = 1000) -> int:
        """Give positions to up to `limit` events that have none; the last one given, 0: none, or another does it."""
        found = await self._database.fetch(self._event_statements.place, {"limit": limit})
        return max((position for (position,) in found), default=0)

    async def events_after(
        self, position: int, *, file_id: UUID | None = None, owner: str | None = None, limit: int = 100
    ) -> Sequence[Event]:
        """Up to `limit` events behind a position, in order, of one file or one owner or of all."""
        check_text("owner", owner or "")
        statement = self._event_statements.after(of_file=file_id is not None, of_owner=owner is not None)
        values = {
            "position": position,
            "file_id": file_id and self._rows.id_to_driver(file_id),
            "owner": owner,
            "limit": limit,
        }
        return [self._rows.event_from_row(row) for row in await self._database.fetch(statement, values)]

    async def last_position(self) -> int:
        """The highest position given; 0: none yet."""
        ((position,),) = await self._database.fetch(self._event_statements.last, {})
        return int(position)

    async def remove_events(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` placed events that are older than a moment, but for the last one; how many."""
        values = {"before": self._rows.time_to_driver(before), "limit": limit}
        return len(await self._database.fetch(self._event_statements.remove, values))
