"""Webhooks of the running service: what a receiver is told, whatever it answers and whoever is killed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from sqlalchemy import NullPool, create_engine, update

from partway.core.blocking import run_straight
from partway.core.deliveries import EndpointState
from partway.core.webhooks import DEFAULT_TYPES
from partway.records.connect import connect_blocking_records
from partway.records.tables import deliveries, endpoints
from tests.servers.receiver import Receiver, Reply, Told
from tests.servers.service import Service

SECRETS = [f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2)]
DOWN = Reply(503)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Place:
    """A service, who is told by it, and its database."""

    service: Service
    receiver: Receiver
    env: dict[str, str]

    def upload(self) -> str:
        """Upload a file; its id."""
        body = {"file_name": "a.txt", "file_size": 5, "file_content_type": "text/plain"}
        begun = requests.post(f"{self.service.url}/v1/files/uploads", json=body, timeout=30).json()
        url = begun["presigned_urls"][0]["url"].replace("//localhost", "//127.0.0.1")
        requests.put(url, b"12345", timeout=30).raise_for_status()
        done = requests.post(f"{self.service.url}/v1/files/uploads/{begun['id']}/complete", timeout=30)
        done.raise_for_status()
        return str(begun["id"])

    def delete(self, file_id: str) -> None:
        requests.delete(f"{self.service.url}/v1/files/{file_id}", timeout=30).raise_for_status()

    @property
    def database_url(self) -> str:
        return self.env.get("PARTWAY_DATABASE_URL") or f"sqlite:///{self.service.data_dir / 'partway.sqlite3'}"

    def state(self) -> EndpointState:
        records = connect_blocking_records(self.database_url)
        (state,) = run_straight(records.endpoint_states())
        run_straight(records.aclose())
        return state

    def has_told_all(self) -> bool:
        state = self.state()
        return not (state.waiting or state.retrying or state.unsent.keys() & DEFAULT_TYPES)

    def told_of(self, file_id: str) -> list[Told]:
        return [told for told in self.receiver.told if told.data["file_id"] == file_id]

    def as_if_later(self) -> None:
        """The lease of whoever died has ended, and what is tried again is due."""
        url = self.database_url.replace("postgresql:", "postgresql+psycopg:")
        with create_engine(url, poolclass=NullPool).begin() as connection:
            connection.execute(update(endpoints).values(leased=LONG_AGO))
            connection.execute(update(deliveries).where(deliveries.c.due.is_not(None)).values(due=LONG_AGO))


def told_to(receiver: Receiver) -> dict[str, str]:
    return {
        "PARTWAY_WEBHOOK_URLS": receiver.url,
        "PARTWAY_WEBHOOK_SECRET": " ".join(SECRETS),
        "PARTWAY_WEBHOOK_ALLOW_PRIVATE": "true",
    }


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    receiver = Receiver()
    env = told_to(receiver)
    if request.param == "postgres":
        env["PARTWAY_DATABASE_URL"] = request.getfixturevalue("postgres").new_database()
    with Service(tmp_path / "data", env=env) as service:
        yield Place(service, receiver, env)
    receiver.stop()


def check_signatures(told: Told) -> None:
    """Each secret signs; computed here without a line of ours."""
    signed = f"{told.headers['webhook-id']}.{told.headers['webhook-timestamp']}.".encode() + told.body
    keys = [base64.b64decode(secret[6:]) for secret in SECRETS]
    right = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    assert told.headers["webhook-signature"] == " ".join(f"v1,{each}" for each in right)


def test_a_receiver_is_told_of_each_file_in_order(place: Place) -> None:
    ids = [place.upload() for _ in range(3)]
    for file_id in ids:
        place.delete(file_id)
    told = place.receiver.wait_for(6)
    for each in told:
        check_signatures(each)
        assert each.data["owner"] == "local"
        assert each.data["file_name"] == "a.txt"
    for file_id in ids:
        mine = [each.type for each in told if each.data["file_id"] == file_id]
        assert mine == ["upload.completed", "file.deleted"]
    assert len({each.id for each in told}) == 6
    wait_until(place.has_told_all)


def test_a_service_that_is_killed_before_it_notes_a_delivery_sends_it_again(place: Place) -> None:
    def kill(told: Told) -> Reply:
        os.kill(place.service.pid, signal.SIGKILL)
        return Reply()

    place.receiver.answer = kill
    file_id = place.upload()
    place.receiver.wait_for(1)
    place.service.kill()
    place.receiver.answer = lambda told: Reply()
    place.as_if_later()
    place.service.start()
    first, second = place.receiver.wait_for(2)
    assert (first.id, first.body) == (second.id, second.body)
    assert second.data["file_id"] == file_id
    check_signatures(second)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_what_failed_is_sent_again_before_later_events_of_its_file(place: Place) -> None:
    place.receiver.answer = lambda told: DOWN if told.data["file_id"] == failing else Reply()
    failing = ""
    failing = place.upload()
    wait_until(lambda: len(place.told_of(failing)) > 0)
    place.delete(failing)
    other = place.upload()
    wait_until(lambda: len(place.told_of(other)) > 0)
    wait_until(lambda: (place.state().retrying, place.state().waiting) == (1, 1))
    assert place.state().error == "it answered 503"
    failures = len(place.told_of(failing))
    place.receiver.answer = lambda told: Reply()
    place.as_if_later()
    place.upload()  # news wakes the service, which else looks when it had wanted to
    wait_until(place.has_told_all)
    types = [told.type for told in place.told_of(failing)]
    assert types in [["upload.completed"] * more + ["file.deleted"] for more in (failures, failures + 1)]
    assert len({told.id for told in place.told_of(failing)}) == 2


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_an_endpoint_that_is_gone_or_not_named_is_left_alone_until_a_start_with_it(place: Place) -> None:
    place.receiver.answer = lambda told: Reply(410)
    first = place.upload()
    wait_until(lambda: place.state().endpoint.closed is not None)
    second = place.upload()
    place.service.stop()
    assert [told.data["file_id"] for told in place.receiver.told] == [first]
    place.receiver.answer = lambda told: Reply()
    place.service.start()
    wait_until(place.has_told_all)
    assert [told.data["file_id"] for told in place.receiver.told] == [first, first, second]
    place.service.stop()
    with Service(place.service.data_dir):
        assert place.state().endpoint.closed is not None


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
