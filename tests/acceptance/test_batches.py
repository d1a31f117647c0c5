"""Many small files with few requests."""

from __future__ import annotations

import base64
import os
import zlib
from typing import Any
from uuid import uuid4

import requests

from tests.acceptance.api import MIB, Api, assert_problem, put


def described(content: bytes, **fields: Any) -> dict[str, Any]:
    return {"file_name": "a.bin", "file_size": len(content), "file_content_type": "text/plain", **fields}


def begin(api: Api, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = api("POST", "/files/uploads/batch", json={"files": files})
    assert answer.status_code == 201, answer.text
    uploads: list[dict[str, Any]] = answer.json()["uploads"]
    return uploads


def complete(api: Api, ids: list[str]) -> list[dict[str, Any]]:
    answer = api("POST", "/files/uploads/batch/complete", json={"ids": ids})
    assert answer.status_code == 200, answer.text
    files: list[dict[str, Any]] = answer.json()["files"]
    return files


def test_small_files_go_by_one_put_each(alice: Api) -> None:
    contents = [os.urandom(number * 100) for number in range(30)]
    sums = [base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode() for content in contents]
    uploads = begin(
        alice,
        [
            described(content, file_name=f"{number}.bin", checksum_algorithm="crc32", part_checksums=[checksum])
            for number, (content, checksum) in enumerate(zip(contents, sums, strict=True))
        ],
    )
    for upload, content in zip(uploads, contents, strict=True):
        (signed,) = upload["presigned_urls"]
        assert put(signed, content).status_code == 200
    files = complete(alice, [upload["id"] for upload in uploads])
    assert [file["upload_status"] for file in files] == ["completed"] * 30
    assert [file["checksum"] for file in files] == [f"crc32:{checksum}" for checksum in sums]
    for file, content in list(zip(files, contents, strict=True))[::10]:
        assert alice("GET", f"/files/{file['id']}/download").content == content
    assert complete(alice, [file["id"] for file in files]) == files


def test_a_put_is_not_replayed_over_a_file(alice: Api) -> None:
    (upload,) = begin(alice, [described(b"first")])
    (signed,) = upload["presigned_urls"]
    assert put(signed, b"first").status_code == 200
    assert put(signed, b"other").status_code == 412
    (file,) = complete(alice, [upload["id"]])
    assert put(signed, b"third").status_code == 412
    assert alice("GET", f"/files/{file['id']}/download").content == b"first"


def test_the_signed_headers_length_and_checksum_are_enforced(alice: Api) -> None:
    checksum = base64.b64encode(zlib.crc32(b"right").to_bytes(4, "big")).decode()
    (upload,) = begin(alice, [described(b"right", checksum_algorithm="crc32", part_checksums=[checksum])])
    (signed,) = upload["presigned_urls"]
    assert put(signed, b"wrong").status_code == 400
    assert put(signed, b"right and more").status_code == 403
    assert requests.put(signed["url"], data=b"right", timeout=30).status_code == 403
    assert_problem(alice("POST", f"/files/uploads/{upload['id']}/complete"), 409, "parts_missing")
    fresh = alice(
        "POST", f"/files/uploads/{upload['id']}/presigned-urls", json={"part_numbers": [1], "checksums": [checksum]}
    ).json()["presigned_urls"][0]
    assert put(fresh, b"right").status_code == 200
    assert alice("POST", f"/files/uploads/{upload['id']}/complete").json()["checksum"] == f"crc32:{checksum}"


def test_each_file_has_its_own_outcome(alice: Api, bob: Api) -> None:
    uploads = begin(
        alice,
        [
            described(b"good"),
            described(b"bad", file_name="a/b"),
            described(b"", file_size=20 * MIB),
            described(b"late"),
        ],
    )
    good, bad, large, late = uploads
    assert bad["error"]["code"] == "invalid_file_name"
    assert len(large["presigned_urls"]) == 3
    assert put(good["presigned_urls"][0], b"good").status_code == 200
    unknown = str(uuid4())
    done = complete(alice, [late["id"], unknown, good["id"], large["id"]])
    assert [each.get("upload_status") or each["error"]["code"] for each in done] == [
        "parts_missing",
        "not_found",
        "completed",
        "parts_missing",
    ]
    assert done[1]["id"] == unknown
    assert complete(bob, [good["id"]])[0]["error"]["code"] == "not_found"


def test_a_file_of_a_batch_is_a_file(alice: Api) -> None:
    (upload,) = begin(alice, [described(b"x" * 10)])
    address = f"/files/uploads/{upload['id']}"
    assert alice("GET", address).json()["uploaded_parts"] == []
    assert alice("DELETE", address).status_code == 204
    assert alice("GET", address).json()["upload_status"] == "aborted"
    assert_problem(alice("POST", f"{address}/complete"), 409, "upload_aborted")
    assert complete(alice, [upload["id"]])[0]["error"]["code"] == "upload_aborted"


def test_the_state_of_a_sent_file_finishes_it(alice: Api) -> None:
    (upload,) = begin(alice, [described(b"x" * 10)])
    assert put(upload["presigned_urls"][0], b"x" * 10).status_code == 200
    assert alice("GET", f"/files/uploads/{upload['id']}").json()["upload_status"] == "completed"


def test_batches_have_bounds(alice: Api) -> None:
    assert_problem(alice("POST", "/files/uploads/batch", json={"files": []}), 422, "invalid_input")
    too_many = [described(b"x")] * 1001
    assert_problem(alice("POST", "/files/uploads/batch", json={"files": too_many}), 422, "invalid_input")
    assert_problem(alice("POST", "/files/uploads/batch/complete", json={"ids": []}), 422, "invalid_input")
    assert_problem(alice("POST", "/files/uploads/batch/complete", json={"ids": ["x"]}), 422, "invalid_input")
