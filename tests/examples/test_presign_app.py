"""Presigned URLs by the tidy client, and by requests as documentation has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests
from examples.presign_app.client import PresignClient

from tests.examples.process import Example, run_example

EXAMPLE = "presign_app"


def test_the_client_sends_lists_fetches_and_deletes(example: Example, tmp_path: Path) -> None:
    client = PresignClient(example.url)
    assert client.health()["status"] == "healthy"
    for name, content in {"report.pdf": os.urandom(300_000), "empty.txt": b"", "Prüfung 1.csv": b"a,b\n"}.items():
        (tmp_path / name).write_bytes(content)
        key = client.upload(tmp_path / name)
        assert [file["size"] for file in client.files() if file["key"] == key] == [len(content)]
        client.download(key, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content
        client.delete(key)
        assert key not in [file["key"] for file in client.files()]


def test_the_client_as_a_command(example: Example, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "tool.exe").write_bytes(b"MZ")
    client = ["examples.presign_app.client", "--service", example.url]
    assert run_example(*client, "health").stdout == "healthy\n"
    key = run_example(*client, "upload", str(tmp_path / "report.pdf")).stdout.strip()
    assert key in run_example(*client, "list").stdout
    assert run_example(*client, "download", key, str(tmp_path / "copy.pdf")).returncode == 0
    assert (tmp_path / "copy.pdf").read_bytes() == b"%PDF-1.7"
    assert run_example(*client, "delete", key).returncode == 0
    refused = run_example(*client, "upload", str(tmp_path / "tool.exe"))
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: Files with the extension 'exe' are not taken.")


def test_the_documented_python_snippet(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = os.urandom(50_000)
    Path("test.pdf").write_bytes(content)
    # Get upload URL
    response = requests.post(
        f"{example.url}/upload-url", json={"filename": "test.pdf", "content_type": "application/pdf"}, timeout=30
    )
    upload_data = response.json()
    # Upload file directly to S3
    with open("test.pdf", "rb") as f:
        sent = requests.put(
            upload_data["presigned_url"], data=f, headers={"Content-Type": "application/pdf"}, timeout=30
        )
    assert sent.status_code == 200
    assert upload_data["expires_in"] == 600
    file_key = upload_data["file_key"]
    down = requests.post(f"{example.url}/download-url", json={"file_key": file_key}, timeout=30).json()
    assert (down["file_key"], down["expires_in"]) == (file_key, 600)
    assert requests.get(down["presigned_url"], timeout=30).content == content
    listed = requests.get(f"{example.url}/files", timeout=30).json()
    assert listed["count"] == len(listed["files"]) == 1
    assert requests.delete(f"{example.url}/files/{file_key}", timeout=30).json()["file_key"] == file_key


def test_the_table_and_the_limit_hold(example: Example) -> None:
    def ask(**fields: object) -> tuple[int, str]:
        answer = requests.post(f"{example.url}/upload-url", json=fields, timeout=30)
        return answer.status_code, answer.json().get("code", "")

    assert ask(filename="a.pdf", content_type="image/png") == (422, "content_type_mismatch")
    assert ask(filename="a.exe") == (422, "extension_not_allowed")
    assert ask(filename="a.pdf", file_size=52_428_801) == (413, "file_too_large")
    assert ask(filename="a.pdf", file_size=52_428_800)[0] == 200


def test_other_origins_and_other_hosts(example: Example) -> None:
    def preflight(origin: str) -> requests.Response:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "content-type"
        return requests.options(f"{example.url}/upload-url", headers=asked, timeout=30)

    assert preflight("http://localhost:3000").headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert preflight("https://elsewhere.example").status_code == 400
    rebound = requests.get(f"{example.url}/files", headers={"Host": "elsewhere.example"}, timeout=30)
    assert rebound.status_code == 400
