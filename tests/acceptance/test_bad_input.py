"""Whatever is sent, the answer is a problem with a stable code, never a 500."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
import requests

from tests.acceptance.api import MIB, SECRET, Api, assert_problem
from tests.servers.service import Service

GOOD: dict[str, Any] = {"file_name": "a.bin", "file_size": 10, "file_content_type": "text/plain"}


@pytest.mark.parametrize("size", [-1, 1.5, True, "10", None, 10**30, [], {}])
def test_sizes_that_are_none(alice: Api, size: Any) -> None:
    problem = assert_problem(alice("POST", "/files/uploads", json={**GOOD, "file_size": size}), 422, "invalid_input")
    assert problem["errors"][0]["field"] == "file_size"


def test_a_size_beyond_the_stores_maximum(alice: Api) -> None:
    assert_problem(alice("POST", "/files/uploads", json={**GOOD, "file_size": 2**62}), 413, "file_too_large")


@pytest.mark.parametrize(
    "name", ["", "   ", "a/b", "a\\b", "..", ".", "a\nb", "a\x00b", "x" * 256, "\u2028", "a\x7fb", "\x1b[31m"]
)
def test_names_that_are_none(alice: Api, name: str) -> None:
    assert_problem(alice("POST", "/files/uploads", json={**GOOD, "file_name": name}), 422, "invalid_file_name")


@pytest.mark.parametrize(
    "name", ["🎉.png", "übung.pdf", "CON", "-rf", "a" * 255, " lead", "x.tar.gz", ".env", "%2e%2e"]
)
def test_odd_names_that_are_taken(alice: Api, name: str) -> None:
    file = alice.upload(b"x", file_name=name)
    assert file["file_name"] == name
    assert file["s3_key"].isascii()
    assert ".." not in file["s3_key"]


@pytest.mark.parametrize("content_type", ["x", "a b/c", "text/", "/plain", "text/pl\nain", "é/x", "a" * 200 + "/b"])
def test_content_types_that_are_none(alice: Api, content_type: str) -> None:
    answer = alice("POST", "/files/uploads", json={**GOOD, "file_content_type": content_type})
    assert_problem(answer, 422, "invalid_content_type")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"num_parts": 2, "part_size": 5 * MIB, "file_size": 5 * MIB}, "invalid_input"),
        ({"num_parts": 0, "part_size": 5 * MIB}, "invalid_input"),
        ({"num_parts": 10_001, "part_size": 5 * MIB, "file_size": 10_001 * 5 * MIB}, "invalid_input"),
        ({"num_parts": 2, "part_size": 5 * MIB - 1, "file_size": 6 * MIB}, "invalid_input"),
        ({"num_parts": 3}, "invalid_input"),
        ({"part_size": 5 * MIB}, "invalid_input"),
        ({"folder": "../up"}, "invalid_folder"),
        ({"folder": "a//b"}, "invalid_folder"),
        ({"folder": "é"}, "invalid_folder"),
        (
            {"metadata": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": {"k": 1}}}}}}}}}}}},
            "invalid_metadata",
        ),
        ({"metadata": {"a": "x" * 20_000}}, "invalid_metadata"),
        ({"metadata": {"a": 2**70}}, "invalid_metadata"),
        ({"metadata": {"a": "\x00"}}, "invalid_metadata"),
        ({"metadata": [1]}, "invalid_input"),
        ({"is_public": "yes"}, "invalid_input"),
        ({"description": "\ud800"}, "malformed_body"),
        ({"description": "a\x00b"}, "invalid_input"),
        ({"fingerprint": "x" * 256}, "invalid_input"),
        ({"checksum_algorithm": "crc16"}, "invalid_input"),
        ({"checksum_algorithm": "crc32", "part_checksums": ["AAAA"]}, "invalid_checksum"),
        ({"checksum_algorithm": "crc32", "part_checksums": ["AAAAAA==", "AAAAAA=="]}, "invalid_input"),
        ({"part_checksums": ["AAAAAA=="]}, "invalid_input"),
        ({"parent_object_id": 1.5}, "invalid_input"),
    ],
)
def test_other_fields(alice: Api, changes: dict[str, Any], code: str) -> None:
    answer = alice("POST", "/files/uploads", json={**GOOD, **changes})
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["code"] in {code, "invalid_input"}


def test_an_empty_last_part_is_refused_with_the_right_numbers(alice: Api) -> None:
    answer = alice("POST", "/files/uploads", json={**GOOD, "file_size": 10 * MIB, "num_parts": 3, "part_size": 5 * MIB})
    assert assert_problem(answer, 422, "invalid_input")["num_parts"] == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_input"),
        (b"{", 400, "malformed_body"),
        (b"[]", 422, "invalid_input"),
        (b"null", 422, "invalid_input"),
        (b'"x"', 422, "invalid_input"),
        (b"\xff\xfe", 400, "malformed_body"),
        (b"[" * 100_000, 400, "malformed_body"),
        (b"1" * 10_000, 400, "malformed_body"),
    ],
)
def test_bodies_that_are_none(alice: Api, body: bytes, status: int, code: str) -> None:
    answer = alice("POST", "/files/uploads", data=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, status, code)


def test_a_body_that_is_too_large(alice: Api) -> None:
    body = b'{"file_name": "' + b"x" * (5 * MIB) + b'"}'
    answer = alice("POST", "/files/uploads", data=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 413, "body_too_large")


def test_a_chunked_body_that_is_too_large(alice: Api) -> None:
    chunks = (b"x" * MIB for _ in range(6))
    answer = alice("POST", "/files/uploads", data=chunks, headers={"Content-Type": "application/json"})
    assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize("file_id", ["x", "1", "0193f3a7", "%00", "null"])
def test_ids_that_are_none(alice: Api, file_id: str) -> None:
    assert alice("GET", f"/files/{file_id}").status_code in {404, 405}
    assert alice("POST", f"/files/uploads/{file_id}/complete", json={}).status_code in {404, 405}


@pytest.mark.parametrize(
    "body",
    [
        {"part_numbers": []},
        {"part_numbers": [0]},
        {"part_numbers": [-1]},
        {"part_numbers": [10_001]},
        {"part_numbers": [2]},
        {"part_numbers": [1.5]},
        {"part_numbers": [True]},
        {"part_numbers": ["1"]},
        {"part_numbers": ["\u0661"]},
        {"part_numbers": 1},
        {"part_numbers": list(range(1, 10_002))},
        {"part_numbers": [1], "checksums": ["AAAAAA==", "AAAAAA=="]},
        {},
    ],
)
def test_part_numbers_that_are_none(alice: Api, body: dict[str, Any]) -> None:
    begun = alice.initiate(file_size=10)
    assert_problem(alice("POST", f"/files/uploads/{begun['id']}/presigned-urls", json=body), 422, "invalid_input")


@pytest.mark.parametrize(
    "parts",
    [
        [{"part_number": 2, "etag": "x"}],
        [{"part_number": 1, "etag": "x"}, {"part_number": 1, "etag": "y"}],
        [{"etag": "x"}],
        [{"part_number": 1, "etag": "x" * 201}],
        [{"part_number": 1, "etag": None}],
        "all",
    ],
)
def test_claims_that_are_none(alice: Api, parts: Any) -> None:
    begun = alice.initiate(file_size=10)
    answer = alice("POST", f"/files/uploads/{begun['id']}/complete", json={"parts": parts})
    assert_problem(answer, 422, "invalid_input")
    assert alice("GET", f"/files/uploads/{begun['id']}").json()["upload_status"] == "uploading"


def test_an_etag_with_markup_is_just_a_wrong_etag(alice: Api) -> None:
    begun = alice.initiate(file_size=0)
    requests.put(begun["presigned_urls"][0]["url"], data=b"", timeout=30).raise_for_status()
    claimed = {"parts": [{"part_number": 1, "etag": "</ETag><x>&"}]}
    answer = alice("POST", f"/files/uploads/{begun['id']}/complete", json=claimed)
    assert_problem(answer, 409, "parts_disagree")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "x"},
        {"cursor": "x"},
        {"cursor": "AAAA"},
        {"status": "done"},
        {"search": "x" * 256},
        {"search": "\x00"},
        {"deleted": "maybe"},
    ],
)
def test_queries_that_are_none(alice: Api, query: dict[str, str]) -> None:
    answer = alice("GET", "/files", params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] in {"invalid_input", "invalid_cursor"}


@pytest.mark.parametrize("expiry", ["0", "-1", "604801", "x", "1.5"])
def test_expiries_that_are_none(alice: Api, expiry: str) -> None:
    file = alice.upload(b"x")
    answer = alice("GET", f"/files/{file['id']}/presigned-url", params={"expiry": expiry})
    assert_problem(answer, 422, "invalid_input")


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é".encode().decode("latin-1")])
def test_idempotency_keys_that_are_none(alice: Api, key: str) -> None:
    answer = alice("POST", "/files/uploads", json=GOOD, headers={"Idempotency-Key": key})
    assert_problem(answer, 422, "invalid_input")


def bearer(**claims: Any) -> str:
    return jwt.encode({"sub": "alice", "exp": int(time.time()) + 60, **claims}, SECRET)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "not_authenticated"),
        ("", "not_authenticated"),
        ("Basic YTpi", "not_authenticated"),
        ("Bearer", "not_authenticated"),
        ("Bearer x.y.z", "not_authenticated"),
        (f"Bearer {bearer()}x", "not_authenticated"),
        (f"Bearer {bearer(exp=1)}", "token_expired"),
        (f"Bearer {jwt.encode({'sub': 'alice'}, SECRET)}", "not_authenticated"),
        (f"Bearer {jwt.encode({'exp': 2**33}, SECRET)}", "not_authenticated"),
        (f"Bearer {jwt.encode({'sub': '', 'exp': 2**33}, SECRET)}", "not_authenticated"),
        (f"Bearer {jwt.encode({'sub': 'alice', 'exp': 2**33}, None, algorithm='none')}", "not_authenticated"),
        (f"Bearer {jwt.encode({'sub': 'alice', 'exp': 2**33}, SECRET, algorithm='HS512')}", "not_authenticated"),
        (f"Bearer {jwt.encode({'sub': 'alice', 'exp': 2**33}, 'x' * 40)}", "not_authenticated"),
    ],
)
def test_tokens_that_are_none(service: Service, authorization: str | None, code: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = Api(service.url)("GET", "/files", headers=headers)
    assert_problem(answer, 401, code)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_unknown_paths_and_methods_are_problems(alice: Api) -> None:
    assert_problem(alice("GET", "/nothing"), 404, "not_found")
    assert_problem(alice("PUT", "/files"), 405, "method_not_allowed")


def test_probes(service: Service) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        answer = requests.get(service.url + path, timeout=30)
        assert answer.status_code == 200
        assert answer.json()["status"] == "ok"


def test_reference(service: Service) -> None:
    assert requests.get(f"{service.url}/docs", timeout=30).status_code == 200
    assert requests.get(f"{service.url}/openapi.json", timeout=30).json()["info"]["title"] == "Partway"
