"""A plain HTTP client for the acceptance tests: it knows addresses and tokens, no rules."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jwt
import requests

SECRET = "an acceptance secret that is long enough for every algorithm: 64 bytes"
NOTIFICATION_TOKEN = "what the store brings with its notifications"  # of no real service
MIB = 1024 * 1024
PART_SIZE = 5 * MIB


def token_for(user: str, **claims: Any) -> str:
    """A bearer token of a user."""
    return jwt.encode({"sub": user, "exp": int(time.time()) + 3600, **claims}, SECRET)


@dataclass(frozen=True)
class Api:
    """The service as one caller sees it."""

    base: str
    token: str | None = None

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request to a path behind the prefix."""
        headers = options.pop("headers", {})
        if self.token is not None:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        return requests.request(
            method, f"{self.base}/v1{path}", headers=headers, timeout=60, allow_redirects=False, **options
        )

    def initiate(self, **fields: Any) -> dict[str, Any]:
        """Begin an upload that must be taken."""
        body = {"file_name": "clip.bin", "file_size": 0, "file_content_type": "application/octet-stream", **fields}
        answer = self("POST", "/files/uploads", json=body)
        assert answer.status_code == 201, answer.text
        begun: dict[str, Any] = answer.json()
        return begun

    def begin(self, content: bytes, **fields: Any) -> dict[str, Any]:
        """Begin an upload of some bytes in the smallest parts."""
        num_parts = max(1, -(-len(content) // PART_SIZE))
        return self.initiate(file_size=len(content), num_parts=num_parts, part_size=PART_SIZE, **fields)

    def upload(self, content: bytes, **fields: Any) -> dict[str, Any]:
        """Upload some bytes from the beginning to the end."""
        begun = self.begin(content, **fields)
        send_parts(begun["presigned_urls"], content, part_size=begun["part_size"])
        answer = self("POST", f"/files/uploads/{begun['id']}/complete", json={})
        assert answer.status_code == 200, answer.text
        file: dict[str, Any] = answer.json()
        return file


def slice_of(content: bytes, part_number: int, part_size: int) -> bytes:
    """The bytes of one part."""
    return content[(part_number - 1) * part_size : part_number * part_size]


def put(signed: dict[str, Any], body: bytes) -> requests.Response:
    """Send one part."""
    return requests.put(signed["url"], data=body, headers=signed["headers"], timeout=60)


def send_parts(signed: list[dict[str, Any]], content: bytes, *, part_size: int) -> list[dict[str, Any]]:
    """Send parts that must be taken; their numbers and ETags."""
    sent = []
    for each in signed:
        answer = put(each, slice_of(content, each["part_number"], part_size))
        assert answer.status_code == 200, answer.text
        sent.append({"part_number": each["part_number"], "etag": answer.headers["ETag"].strip('"')})
    return sent


def assert_problem(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is this problem; returns its body."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:500]}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["detail"]
    return problem
