"""Uploads through the application, beside direct ones, and private files by redirect."""

from __future__ import annotations

import io
import os

import psutil
import requests

from tests.examples.process import Example

EXAMPLE = "proxied_app"
MIB = 1024 * 1024


def test_through_us_and_back_by_redirect(example: Example) -> None:
    content = b"%PDF-" + os.urandom(9 * MIB)
    files = {"file": ("report.pdf", content, "application/pdf")}
    done = requests.post(f"{example.url}/upload", files=files, timeout=60).json()
    assert done["size"] == len(content)
    assert done["url"].endswith(done["file_path"])
    private = f"{example.url}/private/{done['file_path']}"
    assert requests.get(private, allow_redirects=False, timeout=30).status_code == 307
    answer = requests.get(private, timeout=30)
    assert answer.content == content
    assert answer.headers["Content-Type"] == "application/pdf"


def test_straight_to_the_store(example: Example) -> None:
    asked = {"filename": "cat.jpg", "content_type": "image/jpeg"}
    signed = requests.post(f"{example.url}/generate-upload-url", json=asked, timeout=30).json()
    assert signed["file_path"].startswith("uploads/")
    assert signed["file_path"].endswith("/cat.jpg")
    content = os.urandom(MIB)
    sent = requests.put(signed["upload_url"], data=content, headers={"Content-Type": "image/jpeg"}, timeout=30)
    assert sent.status_code == 200
    answer = requests.get(f"{example.url}/private/{signed['file_path']}", timeout=30)
    assert answer.content == content
    assert answer.headers["Content-Type"] == "image/jpeg"


def test_what_is_refused(example: Example) -> None:
    lie = {"file": ("report.pdf", b"MZ and a program", "application/pdf")}
    refused = requests.post(f"{example.url}/upload", files=lie, timeout=30)
    assert (refused.status_code, refused.json()["code"]) == (422, "content_type_mismatch")
    absent = requests.get(f"{example.url}/private/uploads/none.pdf", timeout=30)
    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")
    # Refused by what it says of its length: nothing of it has to be read.
    large = requests.Request("POST", f"{example.url}/upload", headers={"Content-Length": str(500 * MIB)}).prepare()
    with requests.Session() as session:
        answer = session.send(large, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_memory_does_not_grow_with_the_file(example: Example) -> None:
    def send(size: int) -> None:
        files = {"file": ("film.bin", io.BytesIO(bytes(size)), "application/octet-stream")}
        assert requests.post(f"{example.url}/upload", files=files, timeout=120).json()["size"] == size

    send(20 * MIB)
    before = psutil.Process(example.pid).memory_info().rss
    send(95 * MIB)
    assert psutil.Process(example.pid).memory_info().rss - before < 40 * MIB
