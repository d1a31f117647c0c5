"""Deliveries: endpoints are told of events, each at least once, and those of one file in order.

An endpoint's position says up to where it was told; only events that could not be delivered, and those that wait behind
one of their file, have a delivery of their own in the records. One process at a time has an endpoint in hand, by a
lease: nothing is sent twice but what one had sent that died, or lost its lease, before it could note it.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar, runtime_checkable
from uuid import UUID

from partway.core.events import Event, EventRecords, EventType
from partway.core.ports import Clock, SystemClock
from partway.core.webhooks import Answer, Delivery, WebhookSettings, after, body_of, headers_of

T = TypeVar("T")

#: How long a lease holds: longer than `_STARTING` and one attempt together (`partway.webhooks.sender.TIMEOUT`).
LEASE = timedelta(seconds=60)
_STARTING = timedelta(seconds=30)  #: how long a batch goes on with new attempts
_BATCH = 100  #: events taken at once
_AT_ONCE = 10  #: attempts to one endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Somebody who wants to be told."""

    url: str
    position: int  #: events up to this one were delivered, or have a delivery of their own
    leased: datetime  #: until when somebody has it in hand
    closed: datetime | None = None  #: since when it is told of nothing: it said so, or the settings do not name it


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """How far an endpoint is."""

    endpoint: Endpoint
    unsent: Mapping[EventType, int]  #: events behind its position, whether it wants to be told of them or not
    waiting: int  #: deliveries that were not tried yet
    retrying: int  #: deliveries that failed and will be tried again
    dead: int  #: deliveries that were given up
    error: str | None  #: what went wrong with the last of those that failed


@runtime_checkable
class WebhookRecords(EventRecords, Protocol):
    """Optional power of records: they remember what endpoints were told of. No event goes before they were."""

    async def open_endpoints(self, urls: Collection[str], *, now: datetime) -> None:
        """Have exactly these endpoints open. A new one begins behind the last event, the others where they were."""
        ...

    async def endpoints(self) -> Sequence[Endpoint]:
        """All that were ever opened, by URL."""
        ...

    async def hold_endpoint(self, endpoint: Endpoint, *, until: datetime) -> bool:
        """Take an endpoint in hand; False: it is not any more as it was read here."""
        ...

    async def release_endpoint(
        self, endpoint: Endpoint, *, held: datetime, position: int, now: datetime, closed: bool
    ) -> bool:
        """Note how far an endpoint is, and leave it to others.

        Args:
            held: until when it was to be held; if that is not so any more, nothing is noted (False).
            closed: tell it nothing any more.
        """
        ...

    async def next_deliveries(self, url: str, *, limit: int) -> Sequence[Delivery]:
        """The first delivery of each file, dead ones aside, the earliest due first."""
        ...

    async def files_waiting(self, url: str, file_ids: Collection[UUID]) -> set[UUID]:
        """Those of the files that have deliveries, dead ones aside."""
        ...

    async def settle_deliveries(self, url: str, *, kept: Sequence[Delivery], done: Sequence[Delivery]) -> None:
        """Note deliveries as they now stand, new ones too, and forget those that are done."""
        ...


@runtime_checkable
class ReplayRecords(Protocol):
    """Optional power of records that have `WebhookRecords`: people look at endpoints, and have events sent again."""

    async def endpoint_states(self) -> Sequence[EndpointState]:
        """All endpoints, by URL."""
        ...

    async def requeue_dead(self, url: str, *, event_ids: Collection[UUID] | None, now: datetime) -> int:
        """Make dead deliveries due, all or some, with all attempts before them, and open the endpoint; how many."""
        ...

    async def rewind_endpoint(self, url: str, *, since: datetime, now: datetime) -> None:
        """Have an open endpoint told again of all events since a moment that are still kept."""
        ...


class Sender(Protocol):
    """Makes attempts."""

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Make one attempt. Never fails: what goes wrong is in the answer."""
        ...

    async def together(self, deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
        """Do deeds, up to `at_once` at a time, and give their results in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What can be done for an endpoint now."""

    chains: Sequence[Sequence[Delivery]]  #: each of one file, to be sent in order
    behind: Sequence[Delivery]  #: to be kept, since earlier ones of their files are
    position: int  #: where the endpoint is then
    due: datetime | None  #: when the next of the other deliveries is


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What came of a chain."""

    done: Sequence[Delivery]
    kept: Sequence[Delivery]
    gone: bool = False


class Deliveries:
    """Tells one endpoint of events. Any number of processes may do it at once.

    Args:
        url: the endpoint; it was opened (`open_endpoints`).
        records: where events are, and what the endpoint was told.
        sender: makes the attempts.
        settings: secrets and types.
        clock: the time of day.
        chance: random, from 0 to 1.
    """

    def __init__(
        self,
        url: str,
        *,
        records: WebhookRecords,
        sender: Sender,
        settings: WebhookSettings,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.url = url
        self._records = records
        self._sender = sender
        self._settings = settings
        self._clock = clock or SystemClock()
        self._chance = chance
        self._stopping = False

    def stop(self) -> None:
        """Begin no more attempts: `run` notes what was done and returns soon."""
        self._stopping = True

    async def run(self) -> datetime | None:
        """Do all that can be done now.

        Returns:
            When there is more to do though nothing happens; None: when something happens.

        Raises:
            RecordsUnavailable: the database does not answer.
        """
        while not self._stopping:
            endpoint = next((each for each in await self._records.endpoints() if each.url == self.url), None)
            if endpoint is None or endpoint.closed is not None:
                return None
            now = self._clock.now()
            if endpoint.leased > now:
                return endpoint.leased
            batch = await self._next_batch(endpoint, now=now)
            if not batch.chains and batch.position == endpoint.position:
                return batch.due
            if await self._records.hold_endpoint(endpoint, until=now + LEASE):
                await self._deliver(endpoint, batch, until=now + LEASE)
        return None

    async def _next_batch(self, endpoint: Endpoint, *, now: datetime) -> _Batch:
        first = await self._records.next_deliveries(endpoint.url, limit=_BATCH)
        events = await self._records.events_after(endpoint.position, limit=_BATCH)
        wanted = [event for event in events if event.type in self._settings.types]
        files = {event.file_id for event in wanted}
        waiting = await self._records.files_waiting(endpoint.url, files) if first and files else set()
        due = [[delivery] for delivery in first if delivery.due is not None and delivery.due <= now]
        # A few events that nobody wants are passed over when one comes that somebody does: that saves a write.
        moves = bool(wanted) or len(events) == _BATCH
        return _Batch(
            chains=[*due, *_by_file([event for event in wanted if event.file_id not in waiting], now=now)],
            behind=[Delivery(event=event, due=now) for event in wanted if event.file_id in waiting],
            position=events[-1].position if moves else endpoint.position,
            due=first[0].due if first else None,
        )

    async def _deliver(self, endpoint: Endpoint, batch: _Batch, *, until: datetime) -> None:
        stop = until - LEASE + _STARTING
        deeds = [partial(self._send_in_order, chain, stop=stop) for chain in batch.chains]
        outcomes = await self._sender.together(deeds, at_once=_AT_ONCE)
        now = self._clock.now()
        if now >= until:  # another may have it in hand, and do all of it again
            return
        done = [delivery for outcome in outcomes for delivery in outcome.done]
        kept = [delivery for outcome in outcomes for delivery in outcome.kept]
        # First what failed: a process that dies in between has sent it once more than needed, and forgets nothing.
        await self._records.settle_deliveries(endpoint.url, kept=[*batch.behind, *kept], done=done)
        await self._records.release_endpoint(
            endpoint, held=until, position=batch.position, now=now, closed=any(outcome.gone for outcome in outcomes)
        )

    async def _send_in_order(self, chain: Sequence[Delivery], *, stop: datetime) -> _Outcome:
        for index, delivery in enumerate(chain):
            if self._stopping or self._clock.now() >= stop:
                return _Outcome(done=chain[:index], kept=chain[index:])
            answer = await self._send(delivery.event)
            left = after(delivery, answer, now=self._clock.now(), chance=self._chance())
            if left is not None:
                return _Outcome(done=chain[:index], kept=[left, *chain[index + 1 :]], gone=answer.is_gone)
        return _Outcome(done=chain, kept=())

    async def _send(self, event: Event) -> Answer:
        content = body_of(event)
        headers = headers_of(event.id, content, secrets=self._settings.secrets, now=self._clock.now())
        return await self._sender.post(self.url, headers=headers, body=content)


async def open_endpoints(records: WebhookRecords, urls: Collection[str], *, clock: Clock | None = None) -> None:
    """Have exactly these endpoints open. New ones are told of what happens from now on.

    Raises:
        RecordsUnavailable: the database does not answer.
    """
    while await records.place_events():  # what has happened is not news
        pass
    await records.open_endpoints(urls, now=(clock or SystemClock()).now())


def _by_file(events: Sequence[Event], *, now: datetime) -> list[list[Delivery]]:
    chains: dict[UUID, list[Delivery]] = {}
    for event in events:
        chains.setdefault(event.file_id, []).append(Delivery(event=event, due=now))
    return list(chains.values())
