"""An application mounts the files API with a store, records and callers of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import requests
import uvicorn
from fastapi import FastAPI, Request

from partway.core.file import Caller
from partway.errors import NotAuthenticated
from partway.fastapi import Stopping, files_router, install_problem_handlers, store_router
from partway.records.feed import Feed
from partway.records.memory import MemoryRecords
from partway.stores.local import BlockingLocalStore
from partway.threads import in_threads
from tests.servers.ports import free_port, wait_for_port


async def caller_from_header(request: Request) -> Caller:
    if "x-user" not in request.headers:
        raise NotAuthenticated("Say who you are.")
    return Caller(id=request.headers["x-user"])


@pytest.fixture(params=["", "/behind/a/proxy"])
def application(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of the application, also behind a proxy that cuts a path off."""
    local = BlockingLocalStore(tmp_path, secret_key="a secret that is long enough to sign")
    feed, records, stopping = Feed(), MemoryRecords(), Stopping()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        feed.start(records)
        yield
        await feed.stop()

    app = FastAPI(lifespan=lifespan)
    app.include_router(
        files_router(
            store=in_threads(local, workers=2, name="store"),
            records=records,
            caller=caller_from_header,
            prefix="/api/v1",
            feed=feed,
            stopping=stopping,
        )
    )

    @app.post("/stop")
    async def stop() -> None:
        stopping.begin()

    app.include_router(store_router(local))
    install_problem_handlers(app)
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", root_path=request.param)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for_port(port)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_an_upload_under_its_own_prefix_and_callers(application: str) -> None:
    body = {"file_name": "a.txt", "file_size": 5, "file_content_type": "text/plain"}
    alice = {"X-User": "alice"}
    begun = requests.post(f"{application}/api/v1/files/uploads", json=body, headers=alice, timeout=10).json()
    url: str = begun["presigned_urls"][0]["url"].replace("/behind/a/proxy", "")
    assert url.startswith(application)
    assert requests.put(url, data=b"hello", timeout=10).status_code == 200
    done = requests.post(f"{application}/api/v1/files/uploads/{begun['id']}/complete", headers=alice, timeout=10).json()
    assert done["upload_status"] == "completed"
    assert done["url"].endswith(f"/api/v1/files/{begun['id']}/download")
    address = f"{application}/api/v1/files/{begun['id']}"
    assert requests.get(f"{address}/download", headers=alice, timeout=10).content == b"hello"
    assert requests.get(address, headers={"X-User": "bob"}, timeout=10).status_code == 404
    nobody = requests.get(address, timeout=10)
    assert nobody.status_code == 401
    assert nobody.json()["code"] == "not_authenticated"


def test_streams_that_end_when_the_application_says_so(application: str) -> None:
    body = {"file_name": "a.txt", "file_size": 5, "file_content_type": "text/plain"}
    alice = {"X-User": "alice"}
    begun = requests.post(f"{application}/api/v1/files/uploads", json=body, headers=alice, timeout=10).json()
    stream = requests.get(f"{application}/api/v1/files/events?last_event_id=0", headers=alice, stream=True, timeout=30)
    lines = (line for line in stream.iter_lines(chunk_size=1) if line.startswith(b'data: {"id"'))
    told = [json.loads(next(lines).removeprefix(b"data: ")) for _ in range(2)]
    assert [(event["type"], event["file_id"]) for event in told] == [
        ("upload.initiated", begun["id"]),
        ("upload.uploading", begun["id"]),
    ]
    requests.post(f"{application}/stop", timeout=10).raise_for_status()
    assert list(lines) == []
