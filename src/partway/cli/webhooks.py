"""`partway webhooks`: see how far endpoints are, and send again."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid4

import click

from partway.core.deliveries import EndpointState
from partway.core.events import EventType
from partway.core.webhooks import DEFAULT_TYPES, Answer, WebhookSettings, body, headers_of

if TYPE_CHECKING:
    from partway.records.sql import SqlRecords

T = TypeVar("T")
_TEST_TYPE = "webhook.test"


@click.group(name="webhooks", short_help="See how far webhooks are, and send them again.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="As for serve.")
@click.pass_context
def command(context: click.Context, data_dir: Path | None) -> None:
    """See how far webhooks are, and send them again. Reads the same settings as `partway serve`."""
    context.obj = data_dir


@command.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object per endpoint.")
@click.pass_obj
def list_endpoints(data_dir: Path | None, as_json: bool) -> None:
    """Say of every endpoint what it was not told yet."""
    from partway.service.settings import read_settings

    settings = read_settings(os.environ, data_dir=data_dir)
    types = DEFAULT_TYPES if settings.webhooks is None else settings.webhooks.types
    states = _with_records(settings.effective_database_url, lambda records: records.endpoint_states())
    for state in states:
        told = _told(state, types)
        click.echo(json.dumps(told) if as_json else "\n".join(_lines(told)))
    if not states and not as_json:
        click.echo("No endpoints: set PARTWAY_WEBHOOK_URLS and start the service.")


@command.command()
@click.option("--since", metavar="TIME", help="All events since then, delivered or not: 2026-03-04T05:06:07Z.")
@click.option("--id", "event_ids", type=click.UUID, multiple=True, help="This dead letter (webhook-id); repeatable.")
@click.option("--url", help="To this endpoint only.")
@click.pass_obj
def replay(data_dir: Path | None, since: str | None, event_ids: tuple[UUID, ...], url: str | None) -> None:
    """Send dead letters again, all or some, or everything since a moment. The running service does it."""
    from partway.service.settings import read_settings

    if since is not None and event_ids:
        raise click.UsageError("--since and --id do not go together.")
    moment = None if since is None else _moment(since)
    settings = read_settings(os.environ, data_dir=data_dir)

    async def again(records: SqlRecords) -> Sequence[str]:
        urls = [each.url for each in await records.endpoints() if url in {None, each.url}]
        return [await _replay(records, each, since=moment, event_ids=event_ids) for each in urls]

    said = _with_records(settings.effective_database_url, again)
    if not said:
        raise click.ClickException("There is no such endpoint; see: partway webhooks ls")
    for line in said:
        click.echo(line)


@command.command()
@click.pass_obj
def test(data_dir: Path | None) -> None:
    """Send one signed event of the type webhook.test to every endpoint now; exit code 1 if one does not take it."""
    from partway.service.settings import read_settings

    settings = read_settings(os.environ, data_dir=data_dir).webhooks
    if settings is None:
        raise click.ClickException("PARTWAY_WEBHOOK_URLS is not set.")
    answers = asyncio.run(_send_test(settings))
    for url, answer in answers.items():
        click.echo(f"{url}  {'delivered' if answer.is_success else answer.error}")
    if not all(answer.is_success for answer in answers.values()):
        raise SystemExit(1)


async def _send_test(settings: WebhookSettings) -> Mapping[str, Answer]:
    from partway.webhooks.sender import AiohttpSender

    now = datetime.now(UTC)
    content = body(_TEST_TYPE, now, {})
    headers = headers_of(uuid4(), content, secrets=settings.secrets, now=now)
    sender = AiohttpSender(allow_private=settings.allow_private)
    try:
        return {url: await sender.post(url, headers=headers, body=content) for url in settings.urls}
    finally:
        await sender.aclose()


async def _replay(records: SqlRecords, url: str, *, since: datetime | None, event_ids: Sequence[UUID]) -> str:
    now = datetime.now(UTC)
    if since is not None:
        await records.rewind_endpoint(url, since=since, now=now)
        return f"{url}  all events since {since.isoformat(timespec='seconds')}"
    count = await records.requeue_dead(url, event_ids=event_ids or None, now=now)
    return f"{url}  {count:,} dead letters"


def _with_records(database_url: str, deed: Callable[[SqlRecords], Coroutine[Any, Any, T]]) -> T:
    """Do something with the records, and close them."""
    from partway.records.connect import connect_records

    async def run() -> T:
        records = connect_records(database_url)
        try:
            return await deed(records)
        finally:
            await records.aclose()

    return asyncio.run(run())


def _told(state: EndpointState, types: frozenset[EventType]) -> dict[str, Any]:
    closed = state.endpoint.closed
    return {
        "url": state.endpoint.url,
        "closed": closed and closed.isoformat(timespec="seconds"),
        "waiting": state.waiting + sum(count for what, count in state.unsent.items() if what in types),
        "retrying": state.retrying,
        "dead": state.dead,
        "error": state.error,
    }


def _lines(told: Mapping[str, Any]) -> Sequence[str]:
    counts = "   ".join(f"{told[name]:,} {name}" for name in ("waiting", "retrying", "dead"))
    lines = [told["url"], f"    {counts}"]
    if told["closed"] is not None:
        lines.append(f"    closed since {told['closed']}")
    if told["error"] is not None:
        lines.append(f"    last error: {told['error']}")
    return lines


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("write a time such as 2026-03-04T05:06:07Z", param_hint="--since") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
