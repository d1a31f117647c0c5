"""What endpoints were told of, in a SQL database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from partway.core.deliveries import Endpoint, EndpointState
from partway.core.events import EventType
from partway.core.webhooks import Delivery
from partway.records.database import Database
from partway.records.delivery_statements import DeliveryStatements
from partway.records.sql_events import SqlEvents


class SqlDeliveries(SqlEvents):
    """The deliveries of SQL records (`partway.core.deliveries.WebhookRecords` and `ReplayRecords`)."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._delivery_statements = DeliveryStatements(database.dialect)

    async def open_endpoints(self, urls: Collection[str], *, now: datetime) -> None:
        """Have exactly these endpoints open. A new one begins behind the last event, the others where they were."""
        moment = self._rows.time_to_driver(now)
        known = await self.endpoints()
        ended = [each.url for each in known if each.closed is None and each.url not in urls]
        fresh = set(urls) - {each.url for each in known if each.closed is None}
        for statement, named, these in (
            (self._delivery_statements.close_endpoint, "by_url", ended),
            (self._delivery_statements.open_endpoint, "url", sorted(fresh)),
        ):
            await self._database.fetch_each(statement, [{named: url, "now": moment} for url in these])

    async def endpoints(self) -> Sequence[Endpoint]:
        """All that were ever opened, by URL."""
        found = await self._database.fetch(self._delivery_statements.endpoints, {})
        return [self._rows.endpoint_from_row(row) for row in found]

    async def hold_endpoint(self, endpoint: Endpoint, *, until: datetime) -> bool:
        """Take an endpoint in hand; False: it is not any more as it was read here."""
        moments = {"seen": self._rows.time_to_driver(endpoint.leased), "until": self._rows.time_to_driver(until)}
        values = {"by_url": endpoint.url, "at": endpoint.position, **moments}
        return bool(await self._database.fetch(self._delivery_statements.hold, values))

    async def release_endpoint(
        self, endpoint: Endpoint, *, held: datetime, position: int, now: datetime, closed: bool
    ) -> bool:
        """Note how far an endpoint is, and leave it to others; False: it is not held so any more."""
        moment = self._rows.time_to_driver(now)
        values = {
            "by_url": endpoint.url,
            "held": self._rows.time_to_driver(held),
            "position": position,
            "now": moment,
            "closed": moment if closed else None,
        }
        return bool(await self._database.fetch(self._delivery_statements.release, values))

    async def next_deliveries(self, url: str, *, limit: int) -> Sequence[Delivery]:
        """The first delivery of each file, dead ones aside, the earliest due first."""
        found = await self._database.fetch(self._delivery_statements.next, {"url": url, "limit": limit})
        return [self._rows.delivery_from_row(row) for row in found]

    async def files_waiting(self, url: str, file_ids: Collection[UUID]) -> set[UUID]:
        """Those of the files that have deliveries, dead ones aside."""
        files = [{"url": url, "file_id": self._rows.id_to_driver(file_id)} for file_id in file_ids]
        found = await self._database.fetch_each(self._delivery_statements.waiting, files)
        return {self._rows.id_from_driver(file_id) for (file_id,) in found}

    async def settle_deliveries(self, url: str, *, kept: Sequence[Delivery], done: Sequence[Delivery]) -> None:
        """Note deliveries as they now stand, and forget those that are done."""
        if kept:
            rows = [{"url": url, **self._rows.delivery_row(delivery)} for delivery in kept]
            await self._database.fetch_each(self._delivery_statements.keep, rows)
        if done:
            ended = [{"url": url, "of": delivery.event.position} for delivery in done]
            await self._database.fetch_each(self._delivery_statements.forget, ended)

    async def endpoint_states(self) -> Sequence[EndpointState]:
        """All endpoints, by URL."""
        return [await self._state(endpoint) for endpoint in await self.endpoints()]

    async def requeue_dead(self, url: str, *, event_ids: Collection[UUID] | None, now: datetime) -> int:
        """Make dead deliveries due, all or some, with all attempts before them, and open the endpoint; how many."""
        wanted = [None] if event_ids is None else [self._rows.id_to_driver(event_id) for event_id in event_ids]
        moment = self._rows.time_to_driver(now)
        rows = [{"by_url": url, "now": moment, "event_id": each} for each in wanted]
        found = await self._database.fetch_each(self._delivery_statements.requeue, rows)
        await self._database.fetch(self._delivery_statements.reopen_endpoint, {"by_url": url})
        return len(found)

    async def rewind_endpoint(self, url: str, *, since: datetime, now: datetime) -> None:
        """Have an open endpoint told again of all events since a moment that are still kept."""
        moments = {"since": self._rows.time_to_driver(since), "now": self._rows.time_to_driver(now)}
        found = await self._database.fetch(self._delivery_statements.rewind, {"by_url": url, **moments})
        for (position,) in found:
            behind = {"by_url": url, "position": position}
            await self._database.fetch(self._delivery_statements.forget_behind, behind)

    async def _state(self, endpoint: Endpoint) -> EndpointState:
        url = {"url": endpoint.url}
        unsent = await self._database.fetch(self._delivery_statements.unsent, {"position": endpoint.position})
        ((waiting, retrying, dead),) = await self._database.fetch(self._delivery_statements.counts, url)
        errors = await self._database.fetch(self._delivery_statements.last_error, url)
        return EndpointState(
            endpoint=endpoint,
            unsent={EventType(what): count for what, count in unsent},
            waiting=waiting,
            retrying=retrying,
            dead=dead,
            error=errors[0][0] if errors else None,
        )
