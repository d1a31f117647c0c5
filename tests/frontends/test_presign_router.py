"""An application mounts the stateless API over a bucket of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import requests
import uvicorn
from fastapi import FastAPI, Request

from partway.bucket import FILE_TYPES, Bucket, BucketRules
from partway.core.file import Caller
from partway.core.policy import UploadPolicy
from partway.core.ports import Store
from partway.errors import NotAuthenticated
from partway.fastapi import install_problem_handlers, presign_router, store_router
from partway.stores.local import BlockingLocalStore
from partway.stores.s3 import S3Settings, S3Store
from partway.threads import in_threads
from tests.servers.ports import free_port, wait_for_port
from tests.servers.seaweedfs import SeaweedFS


async def only_ada(request: Request) -> Caller:
    if request.headers.get("x-user") != "ada":
        raise NotAuthenticated("Say who you are.")
    return Caller(id="ada")


@contextlib.contextmanager
def application(
    store: Store, rules: BucketRules, *, local: BlockingLocalStore | None = None, prefix: str = ""
) -> Iterator[str]:
    """A running application; its address."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if isinstance(store, S3Store):
            await store.aclose()

    app = FastAPI(lifespan=lifespan)
    app.include_router(presign_router(Bucket(store, rules), name="mine", caller=only_ada, prefix=prefix))
    if local is not None:
        app.include_router(store_router(local))
    install_problem_handlers(app)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}{prefix}"
    finally:
        server.should_exit = True
        thread.join()


def post(url: str, **fields: object) -> requests.Response:
    return requests.post(url, json=fields, headers={"X-User": "ada"}, timeout=30)


def test_under_a_prefix_with_callers_and_a_table_of_types(tmp_path: Path) -> None:
    local = BlockingLocalStore(tmp_path, secret_key="a secret that is long enough to sign")
    rules = BucketRules(prefix="direct/", file_types=FILE_TYPES, policy=UploadPolicy(max_file_size=10))
    with application(in_threads(local, workers=2, name="store"), rules, local=local, prefix="/api") as url:
        assert requests.post(f"{url}/upload-url", json={"filename": "a.pdf"}, timeout=30).status_code == 401
        upload = post(f"{url}/upload-url", filename="a.pdf").json()
        assert upload["file_key"].startswith("direct/")
        assert upload["headers"] == {"content-type": "application/pdf"}
        assert requests.put(upload["presigned_url"], b"%PDF-", headers=upload["headers"], timeout=30).ok
        again = requests.put(upload["presigned_url"], b"other", headers=upload["headers"], timeout=30)
        assert again.status_code == 412  # the local store never overwrites
        for fields, code in (
            ({"filename": "a.pdf", "content_type": "text/html"}, "content_type_mismatch"),
            ({"filename": "a.exe"}, "extension_not_allowed"),
            ({"filename": "a.pdf", "file_size": 11}, "file_too_large"),
        ):
            assert post(f"{url}/upload-url", **fields).json()["code"] == code
        assert requests.get(f"{url}/health", timeout=30).json()["status"] == "healthy"
        assert requests.get(f"{url}/files", headers={"X-User": "ada"}, timeout=30).json()["count"] == 1


def test_an_object_that_is_too_large_is_removed_when_it_is_asked_for(seaweedfs: SeaweedFS) -> None:
    store = S3Store.connect(seaweedfs.settings(seaweedfs.new_bucket()))
    with application(store, BucketRules(policy=UploadPolicy(max_file_size=10))) as url:
        upload = post(f"{url}/upload-url", filename="a.txt", content_type="text/plain").json()
        assert requests.put(upload["presigned_url"], bytes(11), headers=upload["headers"], timeout=30).ok
        refused = post(f"{url}/download-url", file_key=upload["file_key"])
        assert (refused.status_code, refused.json()["code"]) == (413, "file_too_large")
        assert post(f"{url}/download-url", file_key=upload["file_key"]).status_code == 404


def test_a_store_that_is_down_is_answered_503_with_retry_after() -> None:
    settings = S3Settings(
        bucket="b", endpoint_url=f"http://127.0.0.1:{free_port()}", access_key="k", secret_key="s", patience=0.2
    )
    with application(S3Store.connect(settings), BucketRules()) as url:
        upload_id, key = "0" * 48, f"uploads/2026/01/02/{'0' * 32}-5-5/a"
        for path, fields in (
            ("/upload/initiate", {"filename": "a", "file_size": 5}),
            ("/upload/presigned-url", {"upload_id": upload_id, "key": key, "part_number": 1}),
            ("/upload/complete", {"upload_id": upload_id, "key": key}),
            ("/upload/abort", {"upload_id": upload_id, "key": key}),
            ("/download-url", {"file_key": key}),
        ):
            answer = post(f"{url}{path}", **fields)
            assert (path, answer.status_code, answer.json()["code"]) == (path, 503, "store_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        health = requests.get(f"{url}/health", timeout=30)
        assert (health.status_code, health.json()["s3_connection"]) == (503, "store_unavailable")
        assert post(f"{url}/upload-url", filename="a").status_code == 200  # signing asks nobody
