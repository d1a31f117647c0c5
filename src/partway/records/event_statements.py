"""The statements of events, built by SQLAlchemy Core and compiled once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sqlalchemy import BigInteger, Dialect, bindparam, delete, func, select, update

from partway.records.database import Prepared
from partway.records.tables import UNPLACED, deliveries, endpoints, events

#: The columns of an event as it is read.
EVENT_COLUMNS = (
    events.c.position,
    events.c.event_id,
    events.c.type,
    events.c.file_id,
    events.c.owner,
    events.c.created,
    events.c.data,
)


class EventStatements:
    """The statements of events in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._after: dict[tuple[bool, bool], Prepared] = {}

    @cached_property
    def place(self) -> Prepared:
        """Give positions to up to `limit` events that have none; gives positions, of which the highest counts."""
        limit = bindparam("limit", type_=BigInteger)
        if self._dialect.name == "postgresql":
            return self._prepare(select(func.partway_place_events(limit)))
        # There is one writer at a time, so nobody else gives positions meanwhile.
        waiting = select(events.c.id).where(UNPLACED).order_by(events.c.id).limit(limit).subquery()
        number = func.row_number().over(order_by=waiting.c.id)
        numbered = select(waiting.c.id, (_highest() + number).label("position")).subquery()
        placing = update(events).where(events.c.id == numbered.c.id).values(position=numbered.c.position)
        return self._prepare(placing.returning(events.c.position))

    @cached_property
    def last(self) -> Prepared:
        """The highest position; 0: there is none."""
        return self._prepare(select(_highest()))

    @cached_property
    def remove(self) -> Prepared:
        """Delete up to `limit` events with a position that are older than `before`, but for the last; gives ids.

        It looks at the first ones alone: positions grow with time. Those that open endpoints were not told of stay.
        """
        untold = select(func.min(endpoints.c.position)).where(endpoints.c.closed.is_(None)).scalar_subquery()
        waiting = (
            select(deliveries.c.event)
            .join(endpoints, endpoints.c.url == deliveries.c.url)
            .where(deliveries.c.event == events.c.id, deliveries.c.due.is_not(None), endpoints.c.closed.is_(None))
        )
        placed = select(events.c.id, events.c.created).where(
            events.c.position < _highest(),
            events.c.position <= func.coalesce(untold, events.c.position),
            ~waiting.exists(),
        )
        first = placed.order_by(events.c.position).limit(bindparam("limit")).subquery()
        old = select(first.c.id).where(first.c.created < bindparam("before", type_=events.c.created.type))
        return self._prepare(delete(events).where(events.c.id.in_(old)).returning(events.c.id))

    def after(self, *, of_file: bool, of_owner: bool) -> Prepared:
        """The events behind a position, in order: of one file, of one owner, of one owner's file, or of all."""
        shape = (of_file, of_owner)
        if shape not in self._after:
            statement = select(*EVENT_COLUMNS).where(events.c.position > bindparam("position"))
            if of_file:
                statement = statement.where(events.c.file_id == bindparam("file_id"))
            if of_owner:
                statement = statement.where(events.c.owner == bindparam("owner"))
            self._after[shape] = self._prepare(statement.order_by(events.c.position).limit(bindparam("limit")))
        return self._after[shape]

    def _prepare(self, statement: Any) -> Prepared:
        return Prepared(statement, dialect=self._dialect)


def _highest() -> Any:
    return select(func.coalesce(func.max(events.c.position), 0)).where(events.c.position.is_not(None)).scalar_subquery()
