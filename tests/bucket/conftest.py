from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from partway.bucket import S3Config, S3MultipartHandler
from partway.core.ports import Store
from partway.stores.local import BlockingLocalStore
from partway.stores.s3 import S3Store
from tests.servers.local_store import SECRET_KEY, LocalStoreServer
from tests.servers.seaweedfs import SeaweedFS


@dataclass(frozen=True)
class Place:
    """A bucket that a handler stands on, and the blocking store behind it."""

    name: str
    store: Store
    _make: Callable[[S3Config], S3MultipartHandler]

    def handler(self, **settings: object) -> S3MultipartHandler:
        """A handler with some settings."""
        return self._make(S3Config.model_validate({"bucket_name": self.name, **settings}))


@pytest.fixture(params=["local", "seaweedfs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty bucket on the embedded store, and on real S3."""
    if request.param == "local":
        with LocalStoreServer(tmp_path / "store") as server:
            store = BlockingLocalStore(
                tmp_path / "store", secret_key=SECRET_KEY, public_url=f"http://127.0.0.1:{server.port}"
            )
            yield Place("local", store, lambda config: S3MultipartHandler("local", config=config, store=store))
        return
    seaweedfs: SeaweedFS = request.getfixturevalue("seaweedfs")
    bucket = seaweedfs.new_bucket()

    def connect(config: S3Config) -> S3MultipartHandler:
        return S3MultipartHandler(
            bucket_name=bucket,
            aws_access_key_id=seaweedfs.access_key,
            aws_secret_access_key=seaweedfs.secret_key,
            region="us-east-1",
            config=config.model_copy(update={"endpoint_url": seaweedfs.endpoint}),
        )

    yield Place(bucket, S3Store.connect_blocking(seaweedfs.settings(bucket)), connect)


def put(url: str, content: bytes, headers: dict[str, str] | None = None) -> requests.Response:
    """Send bytes to a presigned URL."""
    return requests.put(url, data=content, headers=headers, timeout=30)


def send_parts(handler: S3MultipartHandler, upload_id: str, key: str, content: bytes, count: int) -> list[dict]:
    """Send all parts of an upload and return them as the store named them."""
    sent, at = [], 0
    for number in range(1, count + 1):
        part = handler.generate_presigned_url(upload_id=upload_id, key=key, part_number=number)
        answer = put(part.url, content[at : at + part.size], part.headers)
        assert answer.status_code == 200, answer.text
        sent.append({"PartNumber": number, "ETag": answer.headers["ETag"]})
        at += part.size
    return sent
