"""Keys of names alone, on real stores: everybody's file of one name is kept, under a key of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.api import Api
from tests.servers.service import Service

RIVALS = 8


@pytest.fixture(params=["local-sqlite", "seaweedfs-postgres"])
def env(request: pytest.FixtureRequest) -> dict[str, str]:
    """Where objects and records are."""
    if request.param == "local-sqlite":
        return {}
    seaweedfs = request.getfixturevalue("seaweedfs")
    return {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "PARTWAY_DATABASE_URL": request.getfixturevalue("postgres").new_database(),
    }


@pytest.fixture
def api(env: dict[str, str], tmp_path: Path) -> Iterator[Api]:
    """The service with the riskiest names."""
    with Service(tmp_path / "data", env=env | {"S3_USE_UUID_PREFIX": "false", "S3_FOLDER_STRUCTURE": ""}) as service:
        yield Api(service.url)


def downloaded(api: Api, file: dict[str, Any]) -> bytes:
    url = api("GET", f"/files/{file['id']}/presigned-url").json()["url"]
    return requests.get(url, timeout=30).content


def test_rivals_for_one_name_all_keep_their_files(api: Api) -> None:
    contents = [f"content {number}".encode() for number in range(RIVALS)]
    with ThreadPoolExecutor(RIVALS) as threads:
        files = list(threads.map(lambda content: api.upload(content, file_name="document.pdf"), contents))
    keys = [file["s3_key"] for file in files]
    assert len(set(keys)) == RIVALS
    assert "document.pdf" in keys
    assert all(re.fullmatch(r"document(_[0-9a-f]{8})?\.pdf", key) for key in keys)
    assert [downloaded(api, file) for file in files] == contents


def test_one_requests_files_of_one_name_in_a_batch_and_by_form(api: Api) -> None:
    asked = {"file_name": "a.txt", "file_size": 1, "file_content_type": "text/plain"}
    answer = api("POST", "/files/uploads/batch", json={"files": [asked] * 3})
    begun = answer.json()["uploads"]
    for number, each in enumerate(begun):
        (signed,) = each["presigned_urls"]
        assert requests.put(signed["url"], data=str(number), headers=signed["headers"], timeout=30).status_code == 200
        done = api("POST", f"/files/uploads/{each['id']}/complete", json={})
        assert done.status_code == 200, done.text
    sent = api("POST", "/files/upload", files={"file": ("a.txt", b"9", "text/plain")}, data={"folder": ""})
    assert sent.status_code == 201, sent.text
    files = [*begun, sent.json()]
    assert len({file["s3_key"] for file in files}) == 4
    assert [downloaded(api, file) for file in files] == [b"0", b"1", b"2", b"9"]


def test_the_uploaders_folder_stands_in_front(api: Api) -> None:
    assert api.upload(b"x", file_name="a.txt", folder="users/7/documents")["s3_key"] == "users/7/documents/a.txt"
