"""What a file says and what it is: compared before it is finished, whichever way it came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.api import Api, put, send_parts
from tests.servers.service import Service

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
HTML = b"<!DOCTYPE html><script>alert(1)</script>"


@pytest.fixture(params=["local-sqlite", "seaweedfs-postgres"])
def strict(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """A service that takes pictures and text alone."""
    env = {"S3_ALLOWED_MIME_TYPES": "image/png,text/plain,application/octet-stream"}
    if request.param == "seaweedfs-postgres":
        seaweedfs = request.getfixturevalue("seaweedfs")
        env |= {
            "S3_BUCKET_NAME": seaweedfs.new_bucket(),
            "S3_ENDPOINT_URL": seaweedfs.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
            "PARTWAY_DATABASE_URL": request.getfixturevalue("postgres").new_database(),
        }
    with Service(tmp_path / "data", env=env) as running:
        yield Api(running.url)


def named(name: str, kind: str) -> dict[str, str]:
    return {"file_name": name, "file_content_type": kind}


def sent(api: Api, content: bytes, name: str, kind: str) -> dict[str, Any]:
    begun = api.begin(content, **named(name, kind))
    assert put(begun["presigned_urls"][0], content).status_code == 200
    return begun


def record(api: Api, file_id: str) -> dict[str, Any]:
    (found,) = [
        each for each in api("GET", "/files", params={"status": "all"}).json()["results"] if each["id"] == file_id
    ]
    return dict(found)


def test_an_honest_file_is_finished_and_its_type_is_said(strict: Api) -> None:
    for name, kind, content, seen in (
        ("a.png", "image/png", PNG, "image/png"),
        ("a.txt", "text/plain", b"hello", "text/plain"),
        ("empty.txt", "text/plain", b"", None),
        ("noextension", "", PNG, "image/png"),
    ):
        file = strict.upload(content, **named(name, kind))
        assert (file["upload_status"], file["detected_content_type"]) == ("completed", seen)


@pytest.mark.parametrize(
    ("name", "kind", "content", "failure"),
    [
        ("a.png", "image/png", HTML, "content_mismatch"),
        ("a.png", "image/png", b"", "content_mismatch"),
        ("a.png", "text/plain", PNG, "content_mismatch"),
        ("noextension", "application/octet-stream", HTML, "type_not_allowed"),
    ],
)
def test_a_liar_fails_with_the_reason_and_its_object_goes(
    strict: Api, name: str, kind: str, content: bytes, failure: str
) -> None:
    begun = sent(strict, content, name, kind)
    answer = strict("POST", f"/files/uploads/{begun['id']}/complete", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_failed")
    assert answer.json()["failure"] == failure
    failed = record(strict, begun["id"])
    assert (failed["upload_status"], failed["failure"]) == ("failed", failure)
    assert strict("GET", f"/files/{begun['id']}/download").status_code == 409
    assert strict("GET", "/files/usage").json()["bytes"] == 0


def test_a_batch_is_looked_at_as_well(strict: Api) -> None:
    files = [
        {"file_name": "a.png", "file_size": len(content), "file_content_type": "image/png"} for content in (PNG, HTML)
    ]
    begun = strict("POST", "/files/uploads/batch", json={"files": files}).json()["uploads"]
    for upload, content in zip(begun, (PNG, HTML), strict=True):
        part = upload["presigned_urls"][0]
        url = part["url"] if part["url"].startswith("http") else strict.base + part["url"]
        assert requests.put(url, data=content, headers=part["headers"], timeout=30).status_code == 200
    done = strict("POST", "/files/uploads/batch/complete", json={"ids": [each["id"] for each in begun]}).json()
    assert [record(strict, each["id"])["upload_status"] for each in begun] == ["completed", "failed"], done


@pytest.mark.parametrize("content", [HTML, HTML + b"x" * 6_000_000], ids=["small", "large"])
def test_a_form_with_a_liar_leaves_nothing(strict: Api, content: bytes) -> None:
    answer = strict("POST", "/files/upload", files={"file": ("a.png", content, "image/png")})
    assert (answer.status_code, answer.json()["code"]) == (422, "content_mismatch")
    assert strict("GET", "/files", params={"status": "all"}).json()["results"] == []
    assert strict("GET", "/files/usage").json()["bytes"] == 0
    taken = strict("POST", "/files/upload", files={"file": ("a.png", PNG, "image/png")})
    assert taken.status_code == 201


def test_a_hundred_megabytes_of_zeros_are_no_picture(strict: Api) -> None:
    content = bytes(100_000_000)
    begun = strict.begin(content, **named("a.png", "image/png"))
    send_parts(begun["presigned_urls"], content, part_size=begun["part_size"])
    answer = strict("POST", f"/files/uploads/{begun['id']}/complete", json={})
    assert (answer.status_code, answer.json()["failure"]) == (409, "content_mismatch")
    answer = strict("POST", "/files/upload", files={"file": ("a.png", content, "image/png")})
    assert (answer.status_code, answer.json()["code"]) == (422, "content_mismatch")
    assert strict("GET", "/files/usage").json()["bytes"] == 0
