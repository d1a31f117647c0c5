"""The statements of endpoints and deliveries, built by SQLAlchemy Core and compiled once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Dialect,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from partway.records.database import Prepared
from partway.records.event_statements import EVENT_COLUMNS
from partway.records.tables import deliveries, endpoints, events

ENDPOINT_COLUMNS = (endpoints.c.url, endpoints.c.position, endpoints.c.leased, endpoints.c.closed)
#: The columns of a delivery as it is read: its own, then its event's.
DELIVERY_COLUMNS = (deliveries.c.attempts, deliveries.c.due, deliveries.c.tried, deliveries.c.error, *EVENT_COLUMNS)
_ALIVE = deliveries.c.due.is_not(None)


class DeliveryStatements:
    """The statements of endpoints and deliveries in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._insert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert

    @cached_property
    def endpoints(self) -> Prepared:
        """All endpoints."""
        return self._prepare(select(*ENDPOINT_COLUMNS).order_by(endpoints.c.url))

    @cached_property
    def open_endpoint(self) -> Prepared:
        """Make an endpoint behind the last event, or open the one that is there."""
        last = func.coalesce(func.max(events.c.position), 0)
        new = select(_bound("url", endpoints), last, _bound("now", endpoints, "leased"), null())
        statement = self._insert(endpoints).from_select(
            ["url", "position", "leased", "closed"], new.where(events.c.position.is_not(None))
        )
        return self._prepare(statement.on_conflict_do_update(index_elements=["url"], set_={"closed": null()}))

    @cached_property
    def close_endpoint(self) -> Prepared:
        """Tell an endpoint nothing any more."""
        this = and_(endpoints.c.url == bindparam("by_url"), endpoints.c.closed.is_(None))
        return self._prepare(update(endpoints).where(this).values(closed=bindparam("now")))

    @cached_property
    def reopen_endpoint(self) -> Prepared:
        """Tell an endpoint again."""
        return self._prepare(update(endpoints).where(endpoints.c.url == bindparam("by_url")).values(closed=null()))

    @cached_property
    def hold(self) -> Prepared:
        """Lease an open endpoint, if its lease and position are as they were seen; gives its URL.

        The position too: within one tick of a coarse clock another one can have held, moved and released it.
        """
        return self._prepare(
            update(endpoints)
            .where(
                endpoints.c.url == bindparam("by_url"),
                endpoints.c.leased == bindparam("seen"),
                endpoints.c.position == bindparam("at"),
                endpoints.c.closed.is_(None),
            )
            .values(leased=bindparam("until"))
            .returning(endpoints.c.url)
        )

    @cached_property
    def release(self) -> Prepared:
        """Move an endpoint on and end its lease, if it still is the one that was held; gives its URL."""
        return self._prepare(
            update(endpoints)
            .where(endpoints.c.url == bindparam("by_url"), endpoints.c.leased == bindparam("held"))
            .values(
                position=bindparam("position"),
                leased=bindparam("now"),
                closed=func.coalesce(_bound("closed", endpoints), endpoints.c.closed),
            )
            .returning(endpoints.c.url)
        )

    @cached_property
    def rewind(self) -> Prepared:
        """Move an endpoint back before the first event since a moment, and open it; gives its position."""
        first = select(func.min(events.c.position)).where(
            events.c.position.is_not(None), events.c.created >= bindparam("since")
        )
        before = func.coalesce(first.scalar_subquery() - 1, endpoints.c.position)
        position = case((before < endpoints.c.position, before), else_=endpoints.c.position)
        return self._prepare(
            update(endpoints)
            .where(endpoints.c.url == bindparam("by_url"))
            .values(position=position, leased=bindparam("now"), closed=null())
            .returning(endpoints.c.position)
        )

    @cached_property
    def forget_behind(self) -> Prepared:
        """Delete an endpoint's deliveries behind a position."""
        behind = and_(deliveries.c.url == bindparam("by_url"), deliveries.c.position > bindparam("position"))
        return self._prepare(delete(deliveries).where(behind))

    @cached_property
    def next(self) -> Prepared:
        """The first delivery of each file that is not dead, the earliest due first."""
        earlier = deliveries.alias()
        in_front = select(earlier.c.event).where(
            earlier.c.url == deliveries.c.url,
            earlier.c.file_id == deliveries.c.file_id,
            earlier.c.position < deliveries.c.position,
            earlier.c.due.is_not(None),
        )
        return self._prepare(
            select(*DELIVERY_COLUMNS)
            .join(events, events.c.id == deliveries.c.event)
            .where(deliveries.c.url == bindparam("url"), _ALIVE, ~in_front.exists())
            .order_by(deliveries.c.due, deliveries.c.position)
            .limit(bindparam("limit"))
        )

    @cached_property
    def waiting(self) -> Prepared:
        """A file's id, if it has deliveries to an endpoint that are not dead."""
        mine = and_(deliveries.c.url == bindparam("url"), deliveries.c.file_id == bindparam("file_id"), _ALIVE)
        return self._prepare(select(deliveries.c.file_id).where(mine).limit(1))

    @cached_property
    def keep(self) -> Prepared:
        """Note how a delivery of the event at a position stands. None is noted of an event that is gone."""
        names = ("attempts", "due", "tried", "error")
        values = (_bound(name, deliveries) for name in names)
        of_event = (events.c.id, events.c.position, events.c.file_id)
        row = select(_bound("url", deliveries), *of_event, *values).where(events.c.position == bindparam("of"))
        statement = self._insert(deliveries).from_select(["url", "event", "position", "file_id", *names], row)
        replaced = {name: statement.excluded[name] for name in names}
        return self._prepare(statement.on_conflict_do_update(index_elements=["event", "url"], set_=replaced))

    @cached_property
    def forget(self) -> Prepared:
        """Delete the delivery of the event at a position."""
        this = and_(deliveries.c.url == bindparam("url"), deliveries.c.position == bindparam("of"))
        return self._prepare(delete(deliveries).where(this))

    @cached_property
    def requeue(self) -> Prepared:
        """Make an endpoint's dead deliveries due, or one of them; gives positions."""
        one = _bound("event_id", events)
        wanted = select(events.c.id).where(or_(one.is_(None), events.c.event_id == one))
        dead = and_(deliveries.c.url == bindparam("by_url"), ~_ALIVE, deliveries.c.event.in_(wanted))
        again = update(deliveries).where(dead).values(due=bindparam("now"), attempts=0)
        return self._prepare(again.returning(deliveries.c.position))

    @cached_property
    def unsent(self) -> Prepared:
        """How many events of each type lie behind a position."""
        behind = select(events.c.type, func.count()).where(events.c.position > bindparam("position"))
        return self._prepare(behind.group_by(events.c.type))

    @cached_property
    def counts(self) -> Prepared:
        """How many of an endpoint's deliveries wait, are retried, and are dead."""
        fresh = deliveries.c.attempts == 0
        return self._prepare(
            select(_count(_ALIVE, fresh), _count(_ALIVE, ~fresh), _count(~_ALIVE)).where(
                deliveries.c.url == bindparam("url")
            )
        )

    @cached_property
    def last_error(self) -> Prepared:
        """What went wrong with an endpoint last."""
        failed = and_(deliveries.c.url == bindparam("url"), deliveries.c.tried.is_not(None))
        return self._prepare(select(deliveries.c.error).where(failed).order_by(deliveries.c.tried.desc()).limit(1))

    def _prepare(self, statement: Any) -> Prepared:
        return Prepared(statement, dialect=self._dialect)


def _bound(name: str, table: Any, column: str | None = None) -> BindParameter[Any]:
    """A value of a column's type: where it stands alone, PostgreSQL cannot tell it."""
    return bindparam(name, type_=table.c[column or name].type)


def _count(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((and_(true(), *conditions), 1), else_=literal(0))), 0)
