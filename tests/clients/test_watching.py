"""The clients watch what happens, over breaks, until its end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from partway.client import AsyncClient, Client, FileEvent
from partway.client.stopping import Stopped
from partway.errors import NotFound
from tests.acceptance.api import PART_SIZE, SECRET, Api, send_parts, token_for
from tests.servers.service import Service

SECONDS = 30  #: that a test waits at most for what must come
CONTENT = b"w" * (PART_SIZE + 1)
DONE = ["upload.completing", "upload.completed"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """One that asks for tokens, and that can be ended."""
    with Service(tmp_path / "data", env={"PARTWAY_JWT_SECRET": SECRET}, forked=True) as running:
        yield running


@pytest.fixture
def api(service: Service) -> Api:
    return Api(service.url, token_for("alice"))


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    with Client(api.base, token=api.token, patience=SECONDS) as client:
        yield client


def finish(api: Api, file_id: str, urls: list[dict[str, object]]) -> None:
    send_parts(urls, CONTENT, part_size=PART_SIZE)
    assert api("POST", f"/files/uploads/{file_id}/complete").status_code == 200


def test_an_upload_is_watched_to_its_end_over_a_restart(service: Service, api: Api, client: Client) -> None:
    begun = api.begin(CONTENT)
    events = client.watch(begun["id"])
    told = [next(events)]
    assert (told[0].type, told[0].data["uploaded_size"]) == ("upload.state", 0)
    send_parts(begun["presigned_urls"][:1], CONTENT, part_size=PART_SIZE)
    while told[-1].type != "upload.progress":
        told.append(next(events))
    assert told[-1].data["uploaded_size"] == PART_SIZE
    service.kill()
    service.start()
    finish(api, begun["id"], begun["presigned_urls"][1:])
    told += events
    assert [event.type for event in told][-2:] == DONE
    positions = [event.position for event in told if event.position is not None]
    assert positions == sorted(positions)
    assert {event.file_id for event in told} == {begun["id"]}
    assert list(client.watch(begun["id"], after=told[-1].position)) == []
    assert [event.type for event in client.watch(begun["id"], after=0)][-2:] == DONE


def test_who_may_not_watch_is_told_at_once(api: Api, client: Client) -> None:
    with pytest.raises(NotFound):
        next(client.watch("01939393-0000-7000-8000-000000000000"))


def test_an_end_that_another_thread_asks_for(client: Client) -> None:
    ended: list[BaseException] = []

    def listen() -> None:
        try:
            next(client.watch())
        except Stopped as stopped:
            ended.append(stopped)

    thread = threading.Thread(target=listen)
    thread.start()
    time.sleep(0.3)
    client.close()
    thread.join(SECONDS)
    assert len(ended) == 1


def test_all_files_by_await(api: Api) -> None:
    async def story() -> list[FileEvent]:
        told: list[FileEvent] = []
        async with asyncio.timeout(SECONDS), AsyncClient(api.base, token=api.token) as client:
            async for event in client.watch(after=0):
                told.append(event)
                if event.type == "upload.completed":
                    break
        return told

    file = api.upload(b"from elsewhere")
    told = asyncio.run(story())
    assert [event.type for event in told] == ["upload.initiated", "upload.uploading", *DONE]
    assert {event.file_id for event in told} == {file["id"]}


def test_many_watch_by_await_and_are_cancelled(api: Api, tmp_path: Path) -> None:
    """More than asyncio has threads for all else."""
    (tmp_path / "file.txt").write_bytes(b"hello")

    async def story() -> None:
        async with asyncio.timeout(SECONDS), AsyncClient(api.base, token=api.token) as client:

            async def first() -> str:
                return (await anext(client.watch(after=0))).type

            tasks = [asyncio.create_task(first()) for _ in range(40)]
            await asyncio.sleep(0)
            file = await client.upload(tmp_path / "file.txt")
            assert set(await asyncio.gather(*tasks)) == {"upload.initiated"}
            last = [event async for event in client.watch(file.id, after=0)][-1]
            waiting = asyncio.create_task(anext(client.watch(after=last.position)))
            await asyncio.sleep(0.2)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(story())
