"""Large files in parts, by the handler's own endpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import requests
from examples.multipart_app.client import MultipartClient

from tests.examples.process import Example, run_example

EXAMPLE = "multipart_app"
MIB = 1024 * 1024


def test_the_client_sends_lists_fetches_and_deletes(example: Example, tmp_path: Path) -> None:
    content = os.urandom(12 * MIB + 345)
    (tmp_path / "big.bin").write_bytes(content)
    client = MultipartClient(example.url)
    done = client.upload(tmp_path / "big.bin")
    assert (done["success"], done["size"]) == (True, len(content))
    (listed,) = [file for file in client.files() if file["key"] == done["key"]]
    assert (listed["filename"], listed["size"]) == ("big.bin", len(content))
    client.download(done["key"], tmp_path / "copy.bin")
    assert (tmp_path / "copy.bin").read_bytes() == content
    client.delete(done["key"])
    with pytest.raises(requests.HTTPError, match="no such file"):
        client.download(done["key"], tmp_path / "copy.bin")


def test_the_client_as_a_command(example: Example, tmp_path: Path) -> None:
    (tmp_path / "empty.bin").write_bytes(b"")
    client = ["examples.multipart_app.client", "--service", example.url]
    key = run_example(*client, "upload", str(tmp_path / "empty.bin")).stdout.strip()
    assert key.endswith("/empty.bin")
    assert key in run_example(*client, "list").stdout
    assert run_example(*client, "download", key, str(tmp_path / "copy.bin")).returncode == 0
    assert (tmp_path / "copy.bin").read_bytes() == b""
    assert run_example(*client, "delete", key).returncode == 0
    again = run_example(*client, "delete", key)
    assert (again.returncode, again.stderr) == (1, "error: There is no such file in the bucket. Check its key.\n")


def test_the_quick_start_by_plain_requests(example: Example) -> None:
    first, last = os.urandom(5 * MIB), os.urandom(1000)
    query = {"filename": "report.pdf", "file_size": len(first) + len(last)}
    begun = requests.post(f"{example.url}/upload/initiate", params=query, timeout=30).json()
    assert (begun["parts_count"], begun["part_size"]) == (2, 5 * MIB)
    upload = {"upload_id": begun["upload_id"], "key": begun["key"]}
    parts = []
    for number, body in enumerate([first, last], start=1):
        query = {**upload, "part_number": number}
        signed = requests.post(f"{example.url}/upload/presigned-url", params=query, timeout=30).json()
        etag = requests.put(signed["url"], data=body, timeout=30).headers["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    done = requests.post(f"{example.url}/upload/complete", params=upload, json=parts, timeout=30).json()
    assert done["success"]
    url = requests.get(f"{example.url}/files/download-url", params={"key": done["key"]}, timeout=30).json()["url"]
    answer = requests.get(url, timeout=30)
    assert answer.content == first + last
    assert answer.headers["Content-Type"] == "application/pdf"


class Interrupted(MultipartClient):
    """Another program cuts the file short once its upload has begun."""

    def __init__(self, service: str, path: Path) -> None:
        super().__init__(service)
        self._path = path
        self.begun: dict[str, Any] = {}

    def _call(self, method: str, path: str, *, json: Any = None, **query: Any) -> dict[str, Any]:
        said = super()._call(method, path, json=json, **query)
        if path == "/upload/initiate":
            self.begun = said
            self._path.write_bytes(b"")
        return said


def test_an_upload_that_breaks_leaves_nothing_behind(example: Example, tmp_path: Path) -> None:
    path = tmp_path / "shrinking.bin"
    path.write_bytes(os.urandom(6 * MIB))
    client = Interrupted(example.url, path)
    with pytest.raises(requests.RequestException):
        client.upload(path)
    upload = {"upload_id": client.begun["upload_id"], "key": client.begun["key"]}
    gone = requests.post(f"{example.url}/upload/abort", params=upload, timeout=30)
    assert (gone.status_code, gone.json()["code"]) == (410, "upload_gone")


def test_mistakes_are_answered_with_their_status(example: Example) -> None:
    begin = f"{example.url}/upload/initiate"
    too_large = requests.post(begin, params={"filename": "a.pdf", "file_size": 10**13}, timeout=30)
    assert (too_large.status_code, too_large.json()["code"]) == (413, "file_too_large")
    assert requests.post(begin, params={"filename": "a.pdf"}, timeout=30).status_code == 422
    upload = {"upload_id": "none", "key": "elsewhere/a.pdf"}
    assert requests.post(f"{example.url}/upload/complete", params=upload, json=[], timeout=30).status_code == 422
