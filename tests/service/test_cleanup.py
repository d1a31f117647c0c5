"""`partway cleanup` and the service's own upkeep, on the embedded default and on SeaweedFS with PostgreSQL."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import requests

from partway.core.blocking import run_straight
from partway.core.events import Event
from partway.core.file import File, UploadStatus, new_file_id
from partway.core.upkeep import UpkeepReport
from partway.records.connect import connect_blocking_records
from partway.records.sql import SqlRecords
from tests.servers.ports import wait_for_port
from tests.servers.service import PARTWAY, Service

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """A service, and its database."""

    service: Service
    env: dict[str, str]

    @property
    def database_url(self) -> str:
        return self.env.get("PARTWAY_DATABASE_URL") or f"sqlite:///{self.service.data_dir / 'partway.sqlite3'}"

    @property
    def is_large(self) -> bool:
        return "PARTWAY_DATABASE_URL" in self.env

    def begin(self) -> dict[str, Any]:
        body = {"file_name": "a", "file_size": 5, "file_content_type": ""}
        begun: dict[str, Any] = requests.post(f"{self.service.url}/v1/files/uploads", json=body, timeout=30).json()
        return begun

    def status(self, file: dict[str, Any]) -> str:
        state = requests.get(f"{self.service.url}/v1/files/uploads/{file['id']}", timeout=30).json()
        return str(state["upload_status"])

    def pass_deadlines(self) -> None:
        """As if all uploads had been begun long ago."""
        if self.is_large:
            with psycopg.connect(self.database_url) as connection:
                connection.execute("UPDATE partway_files SET expires = '2020-01-01'")
        else:
            with sqlite3.connect(self.service.data_dir / "partway.sqlite3") as connection:
                connection.execute("UPDATE partway_files SET expires = '2020-01-01 00:00:00.000000'")
            connection.close()

    def cleanup(self, *options: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PARTWAY_", "S3_", "AWS_"))}
        return subprocess.Popen(
            [PARTWAY, "cleanup", "--json", "--data-dir", str(self.service.data_dir), *options],
            env={**kept, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def cleaned(self, *options: str) -> dict[str, int]:
        """The report of a run that must succeed."""
        return finished(self.cleanup(*options))


def finished(process: subprocess.Popen[str]) -> dict[str, int]:
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    report: dict[str, int] = json.loads(said)
    return report


@pytest.fixture(params=["local-sqlite", "seaweedfs-postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    env = {"PARTWAY_UPKEEP_INTERVAL": "0"}
    if request.param == "seaweedfs-postgres":
        seaweedfs = request.getfixturevalue("seaweedfs")
        env |= {
            "S3_BUCKET_NAME": seaweedfs.new_bucket(),
            "S3_ENDPOINT_URL": seaweedfs.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
            "PARTWAY_DATABASE_URL": request.getfixturevalue("postgres").new_database(),
        }
    with Service(tmp_path / "data", env=env) as service:
        yield Place(service, env)


def test_what_is_past_its_deadline_is_given_up(place: Place) -> None:
    old = [place.begin() for _ in range(3)]
    assert place.cleaned("--dry-run")["expired"] == 0
    place.pass_deadlines()
    young = place.begin()
    assert place.cleaned("--dry-run")["expired"] == 3
    assert {place.status(file) for file in old} == {"uploading"}
    assert place.cleaned()["expired"] == 3
    assert {place.status(file) for file in old} == {"aborted"}
    assert place.status(young) == "uploading"
    for file in old:
        answer = requests.put(_absolute(place, file), b"12345", timeout=30)
        assert answer.status_code == 404
    assert requests.put(_absolute(place, young), b"12345", timeout=30).status_code == 200
    assert set(place.cleaned().values()) == {0}
    assert place.cleaned("--days-old", "0")["removed"] == 3


def test_several_runs_share_the_work(place: Place) -> None:
    """Each upload is given up by one of them, and nothing is done twice."""
    begun = [place.begin() for _ in range(40)]
    place.pass_deadlines()
    records = connect_blocking_records(place.database_url)
    files = [expired(number) for number in range(3000 if place.is_large else 600)]
    run_straight(records.add_all(files))
    assert place.cleaned("--dry-run") == report(expired=len(begun) + len(files))
    reports = [finished(process) for process in [place.cleanup() for _ in range(3)]]
    done = {name: sum(each[name] for each in reports) for name in reports[0]}
    assert done == report(expired=len(begun) + len(files))
    ids = [file.id for file in files] + [UUID(each["id"]) for each in begun]
    standing = run_straight(records.get_all(ids))
    assert {file.upload_status for file in standing} == {UploadStatus.ABORTED}
    never_opened = {file.id for file in files if file.upload_id is None}
    assert all(file.settled for file in standing if file.id not in never_opened)
    assert Counter(aborted(records)) == Counter(ids)
    for file in begun:
        assert requests.put(_absolute(place, file), b"12345", timeout=30).status_code == 404
    assert place.cleaned("--dry-run") == report()
    run_straight(records.aclose())


def test_the_service_does_it_by_itself(place: Place) -> None:
    place.service.stop()
    with Service(
        place.service.data_dir, env={**place.env, "PARTWAY_UPKEEP_INTERVAL": "1"}, port=place.service.port
    ) as running:
        wait_for_port(running.port)
        file = place.begin()
        place.pass_deadlines()
        end = time.monotonic() + 30
        while place.status(file) != "aborted":
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.parametrize("place", ["seaweedfs-postgres"], indirect=True)
def test_a_store_that_is_down_is_said_and_the_next_run_goes_on(place: Place) -> None:
    file = place.begin()
    place.pass_deadlines()
    away = Place(place.service, {**place.env, "S3_ENDPOINT_URL": "http://127.0.0.1:1"})
    process = away.cleanup()
    said, _ = process.communicate(timeout=180)
    assert (process.returncode, json.loads(said)["failed"]) == (1, 1)
    assert place.status(file) == "aborted"
    assert place.cleaned()["settled"] == 1


def report(**counts: int) -> dict[str, int]:
    """A report of these counts and nothing else."""
    return {**asdict(UpkeepReport()), **counts}


def aborted(records: SqlRecords) -> list[UUID]:
    """The file of every event that says that an upload was given up."""
    while run_straight(records.place_events()):
        pass
    found: list[Event] = []
    while events := run_straight(records.events_after(found[-1].position if found else 0, limit=1000)):
        found += events
    return [event.file_id for event in found if event.type == "upload.aborted"]


def expired(number: int) -> File:
    """The record of an upload that the store never heard of, or has forgotten."""
    file_id = new_file_id()
    return File(
        id=file_id,
        key=f"files/{file_id}_{number}",
        token="t",
        file_name=str(number),
        file_size=5,
        file_content_type="text/plain",
        name=str(number),
        created_by="local",
        upload_status=UploadStatus.PENDING if number % 2 else UploadStatus.UPLOADING,
        upload_id=None if number % 2 else "0" * 48,
        part_size=5,
        num_parts=1,
        created=LONG_AGO,
        modified=LONG_AGO,
        expires=LONG_AGO + timedelta(seconds=number),
    )


def _absolute(place: Place, begun: dict[str, Any]) -> str:
    return str(begun["presigned_urls"][0]["url"]).replace("//localhost", "//127.0.0.1")
