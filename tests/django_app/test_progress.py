"""The project's own code hears how far an upload has come, once that is committed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.test import Client, override_settings

from partway.core.blocking import run_straight
from partway.core.file import Caller
from partway.core.parts import MIB, StoredPart
from partway.django.signals import parts_reported
from partway.django.stories import stories
from partway.django.testing import local_files
from tests.django_app.models import User

Heard = list[tuple[int, int, int, int, str]]
BIG = {"file_name": "a.bin", "file_size": 12 * MIB, "file_content_type": "", "num_parts": 3, "part_size": 5 * MIB}


@pytest.fixture(autouse=True)
def project(default_database: None, tmp_path: Path) -> Iterator[None]:
    """The project with files of its own for each test."""
    with override_settings(PARTWAY={}), local_files(tmp_path):
        yield


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What a listener of the project's hears."""
    found: Heard = []

    def listen(sender: Any, file: Any, **facts: int) -> None:
        names = ("uploaded_parts", "total_parts", "uploaded_size", "file_size")
        found.append((*(facts[name] for name in names), file.upload_status))

    parts_reported.connect(listen)
    yield found
    parts_reported.disconnect(listen)


def test_reports_and_completion_are_told(heard: Heard) -> None:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create(name=f"user-{uuid4()}"))
    begun = client.post("/v1/files/uploads", BIG, "application/json").json()
    assert heard == []
    for number in (3, 1):
        parts = {"parts": [{"part_number": number}]}
        client.post(f"/v1/files/uploads/{begun['id']}/parts", parts, "application/json")
    assert heard == [(1, 3, 2 * MIB, 12 * MIB, "uploading"), (2, 3, 7 * MIB, 12 * MIB, "uploading")]
    for part in begun["presigned_urls"]:
        client.put(part["url"], b"\0" * part["size"], "application/octet-stream")
    done = client.post(f"/v1/files/uploads/{begun['id']}/complete", {}, "application/json")
    assert done.status_code == 200, done.content
    assert heard[2:] == [(3, 3, 12 * MIB, 12 * MIB, "completed")]


class Undone(Exception):
    """What the project's own code raises in a transaction."""


def test_only_what_is_committed_is_told(heard: Heard) -> None:
    client, owner = Client(SERVER_NAME="localhost"), User.objects.create(name=f"user-{uuid4()}")
    client.force_login(owner)
    file_id = UUID(client.post("/v1/files/uploads", BIG, "application/json").json()["id"])

    def report(number: int) -> None:
        part = StoredPart(part_number=number, size=0, etag="")
        run_straight(stories().uploads.report(file_id, [part], caller=Caller(id=owner.name)))

    with contextlib.suppress(Undone), transaction.atomic():
        report(1)
        raise Undone
    assert heard == []
    with transaction.atomic():
        report(2)
        assert heard == []
    assert heard == [(1, 3, 5 * MIB, 12 * MIB, "uploading")]


def test_a_listener_that_fails_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(**_: Any) -> None:
        raise Undone

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create(name=f"user-{uuid4()}"))
    begun = client.post("/v1/files/uploads", BIG, "application/json").json()
    parts_reported.connect(fail)
    try:
        answer = client.post(
            f"/v1/files/uploads/{begun['id']}/parts", {"parts": [{"part_number": 1}]}, "application/json"
        )
    finally:
        parts_reported.disconnect(fail)
    assert answer.status_code == 200
    assert "Undone" in caplog.text
