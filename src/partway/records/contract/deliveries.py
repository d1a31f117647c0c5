"""Checks of what endpoints were told: leases, deliveries in order, what stays for those who wait, replays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from partway.contracts import expect
from partway.core.deliveries import Endpoint, ReplayRecords, WebhookRecords
from partway.core.events import Event, EventType
from partway.core.file import UploadStatus
from partway.core.webhooks import Delivery
from partway.records.contract.bench import MOMENT, Bench
from partway.records.contract.event_bench import place_all

_RIVALS = 8
_MINUTE = timedelta(minutes=1)


async def endpoints_open_where_they_were(bench: Bench) -> None:
    """A new one begins behind the last event; those that are not named are closed until they are again."""
    records = bench.records
    if not isinstance(records, WebhookRecords):
        return
    await bench.add()
    await place_all(records)
    one, other = _url(bench, "one"), _url(bench, "other")
    await records.open_endpoints([one], now=MOMENT)
    new = Endpoint(url=one, position=await records.last_position(), leased=MOMENT)
    expect(await _endpoint(records, one) == new, "a new endpoint is behind the last event, and free")
    await bench.add()
    await place_all(records)
    await records.open_endpoints([one, other], now=MOMENT + _MINUTE)
    expect(await _endpoint(records, one) == new, "one that is open stays as it is")
    await records.open_endpoints([other], now=MOMENT + _MINUTE)
    closed = await _endpoint(records, one)
    expect(closed.closed == MOMENT + _MINUTE, "one that is not named is closed", found=closed)
    await records.open_endpoints([one], now=MOMENT + 2 * _MINUTE)
    expect(await _endpoint(records, one) == new, "and is opened again where it was")
    await records.open_endpoints([], now=MOMENT)


async def one_of_rivals_holds_an_endpoint(bench: Bench) -> None:
    """And it alone notes how far it is."""
    records = bench.records
    if not isinstance(records, WebhookRecords):
        return
    url = _url(bench, "rivals")
    await records.open_endpoints([url], now=MOMENT)
    seen = await _endpoint(records, url)
    ends = [MOMENT + number * _MINUTE for number in range(1, _RIVALS + 1)]
    held = await bench.together([partial(records.hold_endpoint, seen, until=end) for end in ends])
    expect(sum(held) == 1, "one of rivals holds it", found=held)
    end = ends[held.index(True)]
    expect((await _endpoint(records, url)).leased == end, "its lease is seen by the others")
    release = partial(records.release_endpoint, seen, position=7, now=MOMENT + _MINUTE / 2)
    expect(not await release(held=end + _MINUTE, closed=False), "nobody else notes anything")
    expect((await _endpoint(records, url)).position == seen.position, "the position stays")
    expect(await records.release_endpoint(seen, held=end, position=6, now=MOMENT, closed=False), "the holder does")
    moved = await _endpoint(records, url)
    expect(not await records.hold_endpoint(seen, until=end), "who saw it before it moved does not hold it")
    expect(await records.hold_endpoint(moved, until=end), "who sees where it is does")
    expect(await release(held=end, closed=True), "and may close it")
    noted = Endpoint(url=url, position=7, leased=MOMENT + _MINUTE / 2, closed=MOMENT + _MINUTE / 2)
    expect(await _endpoint(records, url) == noted, "what it noted stands", found=await _endpoint(records, url))
    expect(not await records.hold_endpoint(noted, until=MOMENT + 9 * _MINUTE), "a closed one is held by nobody")


async def deliveries_wait_for_those_of_their_file(bench: Bench) -> None:
    """The first of each file comes forth, the earliest due first; dead ones stand in nobody's way."""
    records = bench.records
    if not isinstance(records, WebhookRecords):
        return
    url, other = _url(bench, "order"), _url(bench, "unconcerned")
    await records.open_endpoints([url, other], now=MOMENT)
    one, two = await _happenings(bench, records), await _happenings(bench, records)
    late, behind, soon, last = (
        Delivery(event=one[0], attempts=2, due=MOMENT + 9 * _MINUTE, tried=MOMENT, error="it answered 500"),
        Delivery(event=one[1], due=MOMENT),
        Delivery(event=two[0], attempts=1, due=MOMENT + _MINUTE, tried=MOMENT, error="no answer: ü"),
        Delivery(event=two[1], due=MOMENT),
    )
    await records.settle_deliveries(url, kept=[late, behind, soon, last], done=[])
    found = await records.next_deliveries(url, limit=10)
    expect(found == [soon, late], "the first of each file, the earliest due first", found=found)
    expect(await records.next_deliveries(url, limit=1) == [soon], "as many as asked for")
    files = {one[0].file_id, two[0].file_id}
    expect(await records.files_waiting(url, files) == files, "both files wait")
    expect(await records.files_waiting(other, files) == set(), "elsewhere they do not")
    expect(await records.next_deliveries(other, limit=10) == [], "other endpoints are not concerned")
    dead = Delivery(event=one[0], attempts=10, due=None, tried=MOMENT, error="it answered 404")
    await records.settle_deliveries(url, kept=[dead], done=[soon])
    found = await records.next_deliveries(url, limit=10)
    expect(found == [behind, last], "the next ones come forth", found=found)
    await records.settle_deliveries(url, kept=[], done=[behind, last])
    expect(await records.files_waiting(url, files) == set(), "nothing waits but what is dead")
    await records.open_endpoints([], now=MOMENT)


async def events_stay_until_endpoints_were_told(bench: Bench) -> None:
    """Those behind the position of an open endpoint, and those of deliveries that are not dead."""
    records = bench.records
    if not isinstance(records, WebhookRecords):
        return
    url = _url(bench, "slow")
    await records.open_endpoints([url], now=MOMENT)
    first, second, third = await _happenings(bench, records), await _happenings(bench, records), await bench.add()
    await place_all(records)
    later = datetime.now(UTC) + timedelta(days=1)
    await _remove(records, later)
    expect(await _kept(bench, records) == [*first, *second], "what nobody was told of stays", found=third)
    endpoint = await _endpoint(records, url)
    await records.hold_endpoint(endpoint, until=MOMENT + _MINUTE)
    waiting = Delivery(event=first[1], due=MOMENT)
    await records.settle_deliveries(url, kept=[waiting, Delivery(event=first[0], attempts=10, due=None)], done=[])
    await records.release_endpoint(
        endpoint, held=MOMENT + _MINUTE, position=second[0].position, now=MOMENT, closed=False
    )
    await _remove(records, later)
    expect(await _kept(bench, records) == [first[1], second[1]], "what was told, or is dead, goes")
    expect(await records.next_deliveries(url, limit=10) == [waiting], "what is tried again stays")
    await records.open_endpoints([], now=MOMENT)
    await _remove(records, later)
    expect(await _kept(bench, records) == [], "closed endpoints hold nothing back")
    expect(await records.next_deliveries(url, limit=10) == [], "and deliveries go with their events")


async def people_see_and_replay(bench: Bench) -> None:
    """How far an endpoint is; dead deliveries again, all events since a moment again."""
    records = bench.records
    if not (isinstance(records, WebhookRecords) and isinstance(records, ReplayRecords)):
        return
    url = _url(bench, "replayed")
    await place_all(records)  # what others left lies in front of the endpoint then
    await records.open_endpoints([url], now=MOMENT)
    first, second = await _happenings(bench, records), await _happenings(bench, records)
    endpoint = await _endpoint(records, url)
    await records.settle_deliveries(
        url,
        kept=[
            Delivery(event=first[0], attempts=10, due=None, tried=MOMENT, error="old"),
            Delivery(event=first[1], attempts=10, due=None, tried=MOMENT + _MINUTE, error="new"),
            Delivery(event=second[0], attempts=1, due=MOMENT, tried=MOMENT, error="old"),
            Delivery(event=second[1], due=MOMENT),
        ],
        done=[],
    )
    (state,) = [each for each in await records.endpoint_states() if each.endpoint.url == url]
    expect(state.endpoint == endpoint, "the endpoint as it is", found=state)
    expect(state.unsent == {EventType.INITIATED: 2, EventType.UPLOADING: 2}, "what lies behind it", found=state)
    found = (state.waiting, state.retrying, state.dead, state.error)
    expect(found == (1, 1, 2, "new"), "its deliveries, and what went wrong last", found=found)
    await records.open_endpoints([], now=MOMENT)
    requeue = partial(records.requeue_dead, url, now=MOMENT + _MINUTE)
    expect(await requeue(event_ids=[first[1].id, second[0].id]) == 1, "one of them was dead")
    again = Delivery(event=first[1], due=MOMENT + _MINUTE, tried=MOMENT + _MINUTE, error="new")
    due = await records.next_deliveries(url, limit=10)
    expect(again in due, "it is due, with all attempts before it", found=due)
    expect(await requeue(event_ids=None) == 1, "the other, too")
    expect((await _endpoint(records, url)).closed is None, "and the endpoint is open")
    await _go_on(records, url, to=second[1])
    await records.rewind_endpoint(url, since=datetime.now(UTC) + timedelta(days=1), now=MOMENT)
    expect((await _endpoint(records, url)).position == second[1].position, "nothing has happened since the future")
    await records.rewind_endpoint(url, since=first[0].created, now=MOMENT + _MINUTE)
    back = await _endpoint(records, url)
    expect(back.position < first[0].position, "it stands before the first event since then", found=back)
    expect(back.leased == MOMENT + _MINUTE, "whoever had it in hand has not any more", found=back)
    expect(await records.next_deliveries(url, limit=10) == [], "what is told again has no delivery of its own")
    await records.open_endpoints([], now=MOMENT)


def _url(bench: Bench, name: str) -> str:
    return f"https://{name}.example/{bench.owner}"


async def _endpoint(records: WebhookRecords, url: str) -> Endpoint:
    (found,) = [each for each in await records.endpoints() if each.url == url]
    return found


async def _happenings(bench: Bench, records: WebhookRecords) -> Sequence[Event]:
    """Two events of a new file."""
    file = await bench.add()
    await bench.records.change(file.id, upload_status=UploadStatus.UPLOADING)
    await place_all(records)
    return await records.events_after(0, file_id=file.id)


async def _kept(bench: Bench, records: WebhookRecords) -> Sequence[Event]:
    """The bench's events, but for the last of all, which always stays."""
    last = await records.last_position()
    return [event for event in await records.events_after(0, owner=bench.owner) if event.position != last]


async def _remove(records: WebhookRecords, before: datetime) -> None:
    while await records.remove_events(before, limit=2):
        pass


async def _go_on(records: WebhookRecords, url: str, *, to: Event) -> None:
    endpoint = await _endpoint(records, url)
    end = endpoint.leased + _MINUTE
    await records.hold_endpoint(endpoint, until=end)
    await records.release_endpoint(endpoint, held=end, position=to.position, now=MOMENT, closed=False)


CHECKS = (
    endpoints_open_where_they_were,
    one_of_rivals_holds_an_endpoint,
    deliveries_wait_for_those_of_their_file,
    events_stay_until_endpoints_were_told,
    people_see_and_replay,
)
