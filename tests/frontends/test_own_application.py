"""An application mounts the files API with a store, records and callers of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import uvicorn
from fastapi import FastAPI, Request

from partway.core.file import Caller
from partway.errors import NotAuthenticated
from partway.fastapi import files_router, install_problem_handlers, store_router
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
    app = FastAPI()
    app.include_router(
        files_router(
            store=in_threads(local, workers=2, name="store"),
            records=MemoryRecords(),
            caller=caller_from_header,
            prefix="/api/v1",
        )
    )
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
