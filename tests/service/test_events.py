"""The service gives events their positions: its own, those of a process that died, those of whoever writes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from partway.core.blocking import run_straight
from partway.core.events import Event
from partway.records.connect import connect_blocking_records
from partway.records.contract import Bench
from partway.records.migrate import upgrade
from tests.servers.postgres import PostgresServer
from tests.servers.service import Service

SECONDS = 30  #: that a test waits at most for what must come


def begin(service: Service) -> str:
    body: dict[str, Any] = {"file_name": "a", "file_size": 5, "file_content_type": ""}
    begun: dict[str, Any] = requests.post(f"{service.url}/v1/files/uploads", json=body, timeout=30).json()
    return str(begun["id"])


def events_of(url: str, *, count: int) -> Sequence[Event]:
    """All events with a position, once there are so many."""
    records = connect_blocking_records(url)
    deadline = time.monotonic() + SECONDS
    events: Sequence[Event] = []
    while len(events) < count and time.monotonic() < deadline:
        events = run_straight(records.events_after(0, limit=1000))
        time.sleep(0.02)
    run_straight(records.aclose())
    return events


def test_what_happens_while_the_service_is_away_gets_its_place(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'partway.sqlite3'}"
    with Service(tmp_path / "data") as service:
        first = begin(service)
        assert [event.type for event in events_of(url, count=2)] == ["upload.initiated", "upload.uploading"]
    records = connect_blocking_records(url)
    file = run_straight(Bench(records=records).add())
    run_straight(records.aclose())
    with service:
        assert [str(event.file_id) for event in events_of(url, count=3)] == [first, first, str(file.id)]


def test_a_replica_gives_places_to_the_events_of_one_that_was_killed(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    upgrade(url)
    env = {"PARTWAY_DATABASE_URL": url}
    dying = Service(tmp_path / "one", env=env).start()
    with Service(tmp_path / "other", env=env):
        begun = [begin(dying) for _ in range(5)]
        dying.kill()
        events = events_of(url, count=10)
    assert len(events) == 10
    for file_id in begun:
        mine = [event.type for event in events if str(event.file_id) == file_id]
        assert mine == ["upload.initiated", "upload.uploading"]
