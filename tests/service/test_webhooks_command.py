"""`partway webhooks`: see how far endpoints are, send again, try."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from partway.cli.webhooks import command
from partway.core.blocking import run_straight
from partway.core.deliveries import EndpointState
from partway.core.events import Event
from partway.core.file import UploadStatus
from partway.core.webhooks import Delivery
from partway.records.connect import BlockingSqlRecords, connect_blocking_records
from partway.records.contract import Bench
from partway.records.contract.event_bench import place_all
from partway.records.migrate import upgrade
from partway.webhooks import verify
from tests.servers.receiver import Receiver, Reply

URL = "https://app.example/hooks"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@dataclass
class Desk:
    """A database with an endpoint, and the command."""

    records: BlockingSqlRecords
    data_dir: Path

    def ask(self, *words: str, **env: str) -> Result:
        return CliRunner().invoke(command, ["--data-dir", str(self.data_dir), *words], env=env)

    def events(self) -> list[Event]:
        """The completion of a new file, and what led to it."""
        file = run_straight(Bench(records=self.records).add())
        run_straight(self.records.change(file.id, upload_status=UploadStatus.COMPLETED))
        run_straight(place_all(self.records))
        return list(run_straight(self.records.events_after(0, file_id=file.id)))

    def die(self, event: Event) -> None:
        dead = Delivery(event=event, attempts=10, due=None, tried=NOW, error="it answered 500")
        run_straight(self.records.settle_deliveries(URL, kept=[dead], done=[]))

    def state(self) -> EndpointState:
        (state,) = run_straight(self.records.endpoint_states())
        return state


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path / 'partway.sqlite3'}"
    upgrade(url)
    records = connect_blocking_records(url)
    yield Desk(records, tmp_path)
    run_straight(records.aclose())


def test_endpoints_are_listed_with_what_they_were_not_told(desk: Desk) -> None:
    assert desk.ask("ls").output == "No endpoints: set PARTWAY_WEBHOOK_URLS and start the service.\n"
    run_straight(desk.records.open_endpoints([URL], now=NOW))
    assert desk.ask("ls").output == f"{URL}\n    0 waiting   0 retrying   0 dead\n"
    desk.die(desk.events()[1])
    lines = [URL, "    1 waiting   0 retrying   1 dead", "    last error: it answered 500"]
    assert desk.ask("ls").output.splitlines() == lines
    every = {
        "PARTWAY_WEBHOOK_URLS": URL,
        "PARTWAY_WEBHOOK_SECRET": SECRET,
        "PARTWAY_WEBHOOK_EVENTS": "upload.initiated",
    }
    run_straight(desk.records.open_endpoints([], now=NOW))
    assert json.loads(desk.ask("ls", "--json", **every).output) == {
        "url": URL,
        "closed": "2026-03-04T05:06:07+00:00",
        "waiting": 1,
        "retrying": 0,
        "dead": 1,
        "error": "it answered 500",
    }


def test_dead_letters_are_sent_again_all_or_some(desk: Desk) -> None:
    run_straight(desk.records.open_endpoints([URL], now=NOW))
    events = [desk.events()[1] for _ in range(3)]
    for event in events:
        desk.die(event)
    assert desk.ask("replay", "--id", str(events[1].id)).output == f"{URL}  1 dead letters\n"
    (due,) = run_straight(desk.records.next_deliveries(URL, limit=10))
    assert (due.event.id, due.attempts) == (events[1].id, 0)
    assert desk.ask("replay", "--url", URL).output == f"{URL}  2 dead letters\n"
    assert (desk.state().waiting, desk.state().dead) == (3, 0)


def test_everything_since_a_moment_is_sent_again(desk: Desk) -> None:
    run_straight(desk.records.open_endpoints([URL], now=NOW))
    before, _ = desk.events()
    run_straight(desk.records.open_endpoints([], now=NOW))
    said = desk.ask("replay", "--since", before.created.isoformat())
    assert said.output.startswith(f"{URL}  all events since 20")
    assert desk.state().endpoint.position == before.position - 1
    assert desk.state().endpoint.closed is None


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--since", "yesterday"], "write a time such as"),
        (["--id", "7"], "not a valid UUID"),
        (["--since", "2026-01-01", "--id", "0b4f7f36-8f0e-4c8e-9d55-0c2b9f6b1a11"], "do not go together"),
        (["--url", "https://nowhere.example"], "There is no such endpoint"),
    ],
)
def test_a_wrong_replay_is_refused(desk: Desk, words: list[str], problem: str) -> None:
    run_straight(desk.records.open_endpoints([URL], now=NOW))
    said = desk.ask("replay", *words)
    assert said.exit_code != 0
    assert problem in said.output


def test_a_test_event_is_signed_and_a_refusal_is_an_error(desk: Desk) -> None:
    receiver = Receiver()
    env = {"PARTWAY_WEBHOOK_URLS": receiver.url, "PARTWAY_WEBHOOK_SECRET": SECRET}
    said = desk.ask("test", **env, PARTWAY_WEBHOOK_ALLOW_PRIVATE="true")
    assert (said.exit_code, said.output) == (0, f"{receiver.url}  delivered\n")
    receiver.answer = lambda told: Reply(404)
    said = desk.ask("test", **env, PARTWAY_WEBHOOK_ALLOW_PRIVATE="true")
    assert (said.exit_code, said.output) == (1, f"{receiver.url}  it answered 404\n")
    receiver.stop()
    first, second = receiver.told
    assert verify(SECRET, first.headers, first.body)["type"] == "webhook.test"
    assert first.id != second.id
    said = desk.ask("test")
    assert (said.exit_code, said.output) == (1, "Error: PARTWAY_WEBHOOK_URLS is not set.\n")
