"""The project under ASGI: bodies flow, and nothing is left behind when clients go away."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import psutil
import pytest
import requests

from tests.acceptance.api import MIB, SECRET, Api, token_for
from tests.django_app.server import ASGI, DjangoServer

CONTENT = os.urandom(12 * MIB)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DjangoServer]:
    """The project under uvicorn, where each request is a transaction of the database."""
    env = {"PARTWAY_JWT_SECRET": SECRET, ASGI: "yes", "TEST_ATOMIC_REQUESTS": "yes"}
    with DjangoServer(tmp_path_factory.mktemp("asgi") / "data", env=env) as running:
        yield running


@pytest.fixture
def alice(project: DjangoServer) -> Api:
    """One owner."""
    return Api(project.url, token_for("alice", name="Alice"))


def test_a_file_comes_back_whole_and_in_ranges(alice: Api, project: DjangoServer) -> None:
    file = alice.upload(CONTENT)
    path = f"/files/{file['id']}/download"
    assert alice("GET", path).content == CONTENT
    part = alice("GET", path, headers={"Range": "bytes=5000000-7000000"})
    assert (part.status_code, part.content) == (206, CONTENT[5_000_000:7_000_001])
    signed = alice("GET", f"/files/{file['id']}/presigned-url").json()["url"]
    assert requests.get(signed, timeout=60).content == CONTENT
    assert "Warning" not in project.log.read_text()


def test_a_form_and_a_chunked_body_are_taken(alice: Api) -> None:
    sent = alice("POST", "/files/upload", files={"file": ("a.bin", CONTENT)})
    assert sent.status_code == 201, sent.text
    assert alice("GET", f"/files/{sent.json()['id']}/download").content == CONTENT
    new = b'{"file_name": "a.bin", "file_size": 7, "file_content_type": ""}'
    assert alice("POST", "/files/uploads", data=iter([new[:9], new[9:]])).status_code == 201
    too_large = alice("POST", "/files/uploads", data=iter([b'"', b"x" * 5 * MIB, b'"']))
    assert too_large.json()["code"] == "body_too_large"


def test_clients_that_go_away_leave_nothing_open(alice: Api, project: DjangoServer) -> None:
    file = alice.upload(CONTENT)
    server = psutil.Process(project.pid)
    for _ in range(20):
        with alice("GET", f"/files/{file['id']}/download", stream=True) as answer:
            assert answer.raw.read(1000) == CONTENT[:1000]
    deadline = time.monotonic() + 30
    while files := [each.path for each in server.open_files() if "/partway/" in each.path]:
        assert time.monotonic() < deadline, files
        time.sleep(0.05)
    assert len(server.net_connections()) < 10
    assert server.num_threads() < 40
    assert alice("GET", f"/files/{file['id']}/download").content == CONTENT
