"""A store that accepts connections and answers nothing: everything that needs it ends in 503, all else goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from partway.client.client import Client
from tests.servers.postgres import PostgresServer
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import Service

CLIENTS = 200
NEW = {"file_name": "a", "file_size": 5, "file_content_type": ""}
WITHOUT_STORE = ("/health/live", "/v1/files?limit=10")

#: A request: method, path, body.
Request = tuple[str, str, object]


class Answer(NamedTuple):
    status: int
    retry_after: str | None


@pytest.fixture
def service(tmp_path: Path, seaweedfs: SeaweedFS, postgres: PostgresServer) -> Iterator[Service]:
    env = {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "S3_READ_TIMEOUT": "2",
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "PARTWAY_DATABASE_URL": postgres.new_database(),
    }
    with Service(tmp_path / "data", env=env, forked=True) as running:
        yield running


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def ask(session: aiohttp.ClientSession, request: Request) -> Answer:
    method, path, body = request
    async with session.request(method, path, json=body) as answer:
        await answer.read()
        return Answer(answer.status, answer.headers.get("Retry-After"))


async def ask_all(service: Service, requests: Sequence[Request]) -> list[Answer]:
    timeout = aiohttp.ClientTimeout(total=120)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(service.url, timeout=timeout, connector=connector) as session:
        return await asyncio.gather(*(ask(session, request) for request in requests))


def held(service: Service) -> tuple[int, int]:
    """Open files and threads."""
    process = Path(f"/proc/{service.pid}")
    return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


def needing_the_store(service: Service) -> list[Request]:
    with Client(service.url) as client:
        done = client.upload(BytesIO(b"12345"), name="a")
    begun = asyncio.run(begin(service))
    return [
        ("POST", "/v1/files/uploads", NEW),
        ("GET", f"/v1/files/uploads/{begun}", None),
        ("POST", f"/v1/files/uploads/{begun}/complete", {}),
        ("GET", f"/v1/files/{done.id}/metadata", None),
        ("GET", f"/v1/files/{done.id}/download", None),
    ]


async def begin(service: Service) -> str:
    async with aiohttp.ClientSession(service.url) as session, session.post("/v1/files/uploads", json=NEW) as answer:
        return str((await answer.json())["id"])


def test_all_is_refused_in_time_and_nothing_stays_behind(service: Service, seaweedfs: SeaweedFS) -> None:
    kinds = needing_the_store(service)
    many = [kinds[number % len(kinds)] for number in range(CLIENTS)]
    assert {answer.status for answer in asyncio.run(ask_all(service, many))} == {201, 200, 409}
    before = held(service)

    async def ask_meanwhile() -> list[Answer]:
        asked = asyncio.ensure_future(ask_all(service, many))
        while not asked.done():
            others = await ask_all(service, [("GET", path, None) for path in WITHOUT_STORE])
            assert {answer.status for answer in others} == {200}
            await asyncio.sleep(0.05)
        return await asked

    with stopped(seaweedfs.pid):
        answers = asyncio.run(ask_meanwhile()) + asyncio.run(ask_meanwhile())
        assert {answer.status for answer in answers} == {503}
        assert all(answer.retry_after and int(answer.retry_after) >= 1 for answer in answers)
        (ready,) = asyncio.run(ask_all(service, [("GET", "/health/ready", None)]))
        assert ready.status == 503

    end = time.monotonic() + 60
    while {answer.status for answer in asyncio.run(ask_all(service, kinds))} - {201, 200, 409}:
        assert time.monotonic() < end
        time.sleep(0.2)
    while any(now > then for now, then in zip(held(service), before, strict=True)):
        assert time.monotonic() < end
        time.sleep(0.2)
