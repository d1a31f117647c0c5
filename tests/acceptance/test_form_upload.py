"""`POST /files/upload`: a file through the service, in a form, on both services."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.api import MIB, Api, token_for
from tests.servers.service import Service

LARGE = os.urandom(17 * MIB + 5)


def post(api: Api, content: Any, *, name: str = "document.pdf", kind: str = "application/pdf", **fields: str) -> Any:
    """Send a form as requests makes it: the fields in front of the file."""
    return api("POST", "/files/upload", files={"file": (name, content, kind)}, data=fields)


def form(*parts: tuple[str, bytes], boundary: str = "b0undary") -> tuple[bytes, dict[str, str]]:
    """A form with parts in a given order; a name with a semicolon goes on as it is (`file"; filename="a`)."""
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in parts
    )
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def content_of(api: Api, file: dict[str, Any]) -> bytes:
    """The stored bytes."""
    answer = api("GET", f"/files/{file['id']}/download")
    assert answer.status_code == 200, answer.text
    return answer.content


def everything(api: Api) -> list[dict[str, Any]]:
    """All records of an owner, in whatever state."""
    found: list[dict[str, Any]] = api("GET", "/files", params={"status": "all", "limit": 200}).json()["results"]
    return found


@pytest.fixture
def owner(service: Service, request: pytest.FixtureRequest) -> Api:
    """An owner who has nothing yet."""
    return Api(service.url, token_for(f"form-{request.node.name}"[:100]))


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.7", os.urandom(5 * MIB), os.urandom(10 * MIB), LARGE, 2 * LARGE], ids=len
)
def test_a_file_comes_back_whole(owner: Api, content: bytes) -> None:
    answer = post(owner, content, folder="documents", description="Important document", is_public="False")
    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert (file["upload_status"], file["file_size"], file["file_name"]) == ("completed", len(content), "document.pdf")
    assert (file["description"], file["is_public"]) == ("Important document", False)
    assert "documents/" in file["s3_key"]
    assert hashlib.sha256(content_of(owner, file)).digest() == hashlib.sha256(content).digest()
    if len(content) >= 5 * MIB:  # it came in parts, each compared with its checksum by the store
        assert file["checksum"] == f"crc32:{base64.b64encode(zlib.crc32(content).to_bytes(4, 'big')).decode()}"
    assert [each["id"] for each in everything(owner)] == [file["id"]]


def test_the_documents_metadata_arrives(owner: Api) -> None:
    metadata = {"category": "profile", "tags": ["user", "avatar"], "processed": False}
    file = post(owner, b"jpeg", name="image.jpg", kind="image/jpeg", folder="images", metadata=json.dumps(metadata))
    assert file.json()["metadata"] == metadata


def test_fields_may_follow_the_file(owner: Api) -> None:
    late = [("folder", b"documents"), ("description", "Größe".encode()), ("is_public", b"true")]
    body, headers = form(('file"; filename="a.txt', b"hello"), *late)
    file = owner("POST", "/files/upload", data=body, headers=headers).json()
    assert (file["description"], file["is_public"]) == ("Größe", True)
    assert "documents/" in file["s3_key"]
    body, headers = form(('file"; filename="a.bin', LARGE), *late[1:], ("metadata", b'{"n": 1}'))
    file = owner("POST", "/files/upload", data=body, headers=headers).json()
    assert (file["description"], file["is_public"], file["metadata"]) == ("Größe", True, {"n": 1})
    assert content_of(owner, file) == LARGE


def test_a_folder_behind_a_large_file_comes_too_late_and_nothing_stays(owner: Api) -> None:
    body, headers = form(('file"; filename="a.bin', LARGE), ("folder", b"documents"))
    answer = owner("POST", "/files/upload", data=body, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "folder")
    assert everything(owner) == []
    file = owner("POST", "/files/upload", params={"folder": "documents"}, data=body, headers=headers).json()
    assert "documents/" in file["s3_key"]


def test_curl_sends_the_documents_command(owner: Api, tmp_path: Path) -> None:
    path = tmp_path / 'a "quoted" größe.pdf'
    path.write_bytes(LARGE)
    command = [
        "curl",
        "-sS",
        "-X",
        "POST",
        f"{owner.base}/v1/files/upload",
        "-H",
        f"Authorization: Bearer {owner.token}",
    ]
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    ended = subprocess.run(
        [*command, "-F", f'file=@"{escaped}"', "-F", "description=Important document"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    file = json.loads(ended.stdout)
    assert (file["file_name"], file["description"]) == (path.name, "Important document")
    assert content_of(owner, file) == LARGE


WRONG: list[tuple[int, str, list[tuple[str, bytes]]]] = [
    (422, "invalid_input", []),
    (422, "invalid_input", [("folder", b"a")]),
    (422, "invalid_input", [('other"; filename="a', b"x")]),
    (422, "invalid_input", [('file"; filename="a', b"x"), ('file"; filename="b', b"y")]),
    (422, "invalid_file_name", [('file"; filename="', b"x")]),
    (422, "invalid_file_name", [('file"; filename="../a', b"x")]),
    (422, "invalid_file_name", [('file"; filename="a%0D%0Ab', b"x")]),
    (422, "invalid_folder", [("folder", b"../up"), ('file"; filename="a', b"x")]),
    (422, "invalid_metadata", [("metadata", b"[1]"), ('file"; filename="a', b"x")]),
    (422, "invalid_metadata", [("metadata", b"{"), ('file"; filename="a', b"x")]),
    (422, "invalid_metadata", [("metadata", b'{"a":' * 50 + b"1" + b"}" * 50), ('file"; filename="a', b"x")]),
    (422, "invalid_input", [("is_public", b"perhaps"), ('file"; filename="a', b"x")]),
    (422, "invalid_input", [("description", b"\xff"), ('file"; filename="a', b"x")]),
    (413, "body_too_large", [("description", b"x" * 70_000), ('file"; filename="a', b"x")]),
    (413, "body_too_large", [(f"field{number}", b"") for number in range(150)]),
]


@pytest.mark.parametrize(("status", "code", "parts"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_form_is_refused_and_nothing_stays(
    owner: Api, status: int, code: str, parts: list[tuple[str, bytes]]
) -> None:
    body, headers = form(*parts)
    answer = owner("POST", "/files/upload", data=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert everything(owner) == []


def test_what_is_no_form_is_refused(owner: Api) -> None:
    body, headers = form(('file"; filename="a', b"x"))
    for data, kind, status, code in (
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (body, "multipart/form-data", 415, "unsupported_media_type"),
        (body, f"multipart/form-data; boundary={'x' * 71}", 415, "unsupported_media_type"),
        (b"no form at all", headers["Content-Type"], 400, "malformed_body"),
        (body[:-6], headers["Content-Type"], 400, "malformed_body"),
    ):
        answer = owner("POST", "/files/upload", data=data, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (status, code), data
    chunked = owner("POST", "/files/upload", data=iter([body]), headers=headers)
    assert (chunked.status_code, chunked.json()["code"]) == (411, "length_required")
    assert everything(owner) == []


def test_a_client_that_goes_away_leaves_nothing(owner: Api, service: Service) -> None:
    body, headers = form(('file"; filename="a.bin', LARGE))
    head = (
        f"POST /v1/files/upload HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {owner.token}\r\nContent-Type: {headers['Content-Type']}\r\n\r\n"
    )
    for share in (0.01, 0.5, 0.99):
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(head.encode() + body[: int(len(body) * share)])
    end = time.monotonic() + 30
    while everything(owner):
        assert time.monotonic() < end, everything(owner)
        time.sleep(0.1)


def test_without_a_token_nothing_is_read(service: Service) -> None:
    nobody = Api(service.url)
    answer = post(nobody, b"x")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_limit_that_is_passed_leaves_nothing(tmp_path: Path) -> None:
    env = {"S3_MAX_FILE_SIZE_MB": "6", "S3_ALLOWED_EXTENSIONS": "bin", "PARTWAY_CHECK_CONTENT": "false"}
    with Service(tmp_path / "data", env=env) as running:
        api = Api(running.url)
        assert post(api, bytes(6 * MIB), name="a.bin").status_code == 201
        for size in (6 * MIB + 1, 6 * MIB + 1000, 7 * MIB, 40 * MIB):
            body, headers = form(('file"; filename="b.bin', bytes(size)))
            answer = api("POST", "/files/upload", data=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
        refused = post(api, bytes(6 * MIB), name="a.exe")
        assert (refused.status_code, refused.json()["code"]) == (422, "extension_not_allowed")
        assert [each["file_name"] for each in everything(api)] == ["a.bin"]
        store = tmp_path / "data" / "store"
        assert len(list(store.glob("uploads/*"))) == 0
        assert len(list(store.glob("objects/**/data"))) == 1


def test_memory_does_not_grow_with_the_file(tmp_path: Path, seaweedfs_service: Service) -> None:
    """A form of 300 MiB: the service's peak stays below 120 MiB, as with one of 2 GiB."""
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(300 * MIB)
    with Service(tmp_path / "data") as local:
        for running in (local, seaweedfs_service):
            ended = subprocess.run(
                ["curl", "-sS", "-F", f"file=@{path}", f"{running.url}/v1/files/upload"],
                capture_output=True,
                check=True,
                timeout=120,
            )
            assert json.loads(ended.stdout)["file_size"] == 300 * MIB
            assert peak_memory(running.pid) < 120 * MIB


@pytest.fixture
def seaweedfs_service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    """A fresh service on SeaweedFS and PostgreSQL."""
    seaweedfs = request.getfixturevalue("seaweedfs")
    env = {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "PARTWAY_DATABASE_URL": request.getfixturevalue("postgres").new_database(),
    }
    with Service(tmp_path / "s3-data", env=env) as running:
        yield running


def peak_memory(pid: int) -> int:
    """The most resident memory that a process has ever had, bytes."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
