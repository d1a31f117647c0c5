"""The main job: begin, send, break, go on, complete, and get the same bytes back."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import requests

from tests.acceptance.api import MIB, PART_SIZE, Api, assert_problem, put, send_parts, slice_of

CONTENT = os.urandom(2 * PART_SIZE + 12_345)


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def test_a_client_that_collects_etags(alice: Api) -> None:
    begun = alice.begin(CONTENT, file_name="large-video.mp4", file_content_type="video/mp4")
    assert begun["upload_status"] == "uploading"
    assert [(url["part_number"], url["size"]) for url in begun["presigned_urls"]] == [
        (1, PART_SIZE),
        (2, PART_SIZE),
        (3, 12_345),
    ]
    assert begun["expires_in"] == 3600
    parts = send_parts(begun["presigned_urls"], CONTENT, part_size=PART_SIZE)
    answer = alice("POST", f"/files/uploads/{begun['id']}/complete", json={"parts": parts})
    assert answer.status_code == 200
    file = answer.json()
    assert file["upload_status"] == "completed"
    assert file["file_name"] == "large-video.mp4"
    assert file["file_size"] == len(CONTENT)
    assert file["file_content_type"] == "video/mp4"
    assert file["created_by"] == "alice"
    assert file["created_by_name"] == "Alice"
    downloaded = alice("GET", f"/files/{begun['id']}/download").content
    assert hashlib.sha256(downloaded).digest() == hashlib.sha256(CONTENT).digest()


def test_a_client_that_collects_nothing(alice: Api) -> None:
    file = alice.upload(CONTENT)
    assert file["file_size"] == len(CONTENT)


@pytest.mark.parametrize("size", [0, 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE])
def test_sizes_at_the_edges(alice: Api, size: int) -> None:
    content = CONTENT[:size]
    file = alice.upload(content)
    assert alice("GET", f"/files/{file['id']}/download").content == content


def test_the_server_plans_when_asked_to(alice: Api) -> None:
    begun = alice.initiate(file_size=100 * MIB)
    assert begun["num_parts"] * begun["part_size"] >= 100 * MIB
    assert len(begun["presigned_urls"]) == begun["num_parts"]
    assert sum(url["size"] for url in begun["presigned_urls"]) == 100 * MIB


def test_completing_twice_gives_the_same_answer(alice: Api) -> None:
    file = alice.upload(CONTENT)
    again = alice("POST", f"/files/uploads/{file['id']}/complete")
    assert again.status_code == 200
    assert again.json() == file


def test_missing_parts_are_named_and_the_upload_goes_on(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    complete = f"/files/uploads/{begun['id']}/complete"
    send_parts(begun["presigned_urls"][:1], CONTENT, part_size=PART_SIZE)
    problem = assert_problem(alice("POST", complete, json={}), 409, "parts_missing")
    assert problem["missing"] == [2, 3]
    state = alice("GET", f"/files/uploads/{begun['id']}").json()
    assert [part["part_number"] for part in state["uploaded_parts"]] == [1]
    assert state["uploaded_size"] == PART_SIZE
    fresh = alice("POST", f"/files/uploads/{begun['id']}/presigned-urls", json={"part_numbers": [3, 2, 2]}).json()
    assert sorted(url["part_number"] for url in fresh["presigned_urls"]) == [2, 3]
    send_parts(fresh["presigned_urls"], CONTENT, part_size=PART_SIZE)
    assert alice("POST", complete, json={}).status_code == 200


def test_an_etag_that_disagrees_is_an_error_and_the_upload_goes_on(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    parts = send_parts(begun["presigned_urls"], CONTENT, part_size=PART_SIZE)
    wrong = [{**parts[0], "etag": "0" * 32}, *parts[1:]]
    complete = f"/files/uploads/{begun['id']}/complete"
    problem = assert_problem(alice("POST", complete, json={"parts": wrong}), 409, "parts_disagree")
    assert problem["parts"] == [1]
    assert alice("POST", complete, json={"parts": parts}).status_code == 200


def test_a_part_sent_again_counts_once_and_the_newest_bytes_win(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    first = begun["presigned_urls"][0]
    assert put(first, bytes(PART_SIZE)).status_code == 200
    parts = send_parts(begun["presigned_urls"], CONTENT, part_size=PART_SIZE)
    answer = alice("POST", f"/files/uploads/{begun['id']}/complete", json={"parts": parts})
    assert answer.status_code == 200
    assert alice("GET", f"/files/{begun['id']}/download").content == CONTENT


def test_checksums_go_from_end_to_end(alice: Api) -> None:
    sums = [crc32(slice_of(CONTENT, number, PART_SIZE)) for number in (1, 2, 3)]
    begun = alice.begin(CONTENT, checksum_algorithm="crc32", part_checksums=sums[:1])
    assert [url["part_number"] for url in begun["presigned_urls"]] == [1]
    presign = f"/files/uploads/{begun['id']}/presigned-urls"
    assert_problem(alice("POST", presign, json={"part_numbers": [2]}), 422, "checksum_required")
    more = alice("POST", presign, json={"part_numbers": [2, 3], "checksums": sums[1:]}).json()
    send_parts(begun["presigned_urls"] + more["presigned_urls"], CONTENT, part_size=PART_SIZE)
    state = alice("GET", f"/files/uploads/{begun['id']}").json()
    # Not every store lists the checksums that it compared; the ETags are MD5s everywhere.
    assert [part["checksum"] for part in state["uploaded_parts"]] in (sums, [None] * 3)
    assert state["uploaded_parts"][2]["etag"] == hashlib.md5(slice_of(CONTENT, 3, PART_SIZE)).hexdigest()
    file = alice("POST", f"/files/uploads/{begun['id']}/complete", json={}).json()
    assert file["checksum"] == f"crc32:{crc32(CONTENT)}"


def test_a_wrong_checksum_is_refused_by_the_store(alice: Api) -> None:
    content = CONTENT[:1000]
    begun = alice.begin(content, checksum_algorithm="crc32", part_checksums=[crc32(b"other")])
    answer = put(begun["presigned_urls"][0], content)
    assert answer.status_code == 400
    assert "<Code>BadDigest</Code>" in answer.text
    assert alice("GET", f"/files/uploads/{begun['id']}").json()["uploaded_parts"] == []


@pytest.mark.parametrize("change", [-1, 1])
def test_a_body_of_another_length_is_refused_by_the_store(alice: Api, change: int) -> None:
    begun = alice.begin(CONTENT[:1000])
    answer = put(begun["presigned_urls"][0], bytes(1000 + change))
    assert answer.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text
    assert alice("GET", f"/files/uploads/{begun['id']}").json()["uploaded_parts"] == []


def test_a_tampered_url_is_refused_by_the_store(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    signed = begun["presigned_urls"][0]
    for tampered in (
        signed["url"].replace("partNumber=1", "partNumber=2"),
        signed["url"].replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"),
        signed["url"][:-1] + ("0" if signed["url"][-1] != "0" else "1"),
    ):
        assert tampered != signed["url"]
        assert put({**signed, "url": tampered}, CONTENT[:PART_SIZE]).status_code == 403
    assert alice("GET", f"/files/uploads/{begun['id']}").json()["uploaded_parts"] == []


def test_abort_ends_the_upload_and_its_urls(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    address = f"/files/uploads/{begun['id']}"
    assert alice("DELETE", address).status_code == 204
    assert alice("DELETE", address).status_code == 204
    answer = put(begun["presigned_urls"][0], CONTENT[:PART_SIZE])
    assert answer.status_code == 404
    assert "<Code>NoSuchUpload</Code>" in answer.text
    assert alice("GET", address).json()["upload_status"] == "aborted"
    assert_problem(alice("POST", f"{address}/complete", json={}), 409, "upload_aborted")
    assert_problem(alice("POST", f"{address}/presigned-urls", json={"part_numbers": [1]}), 409, "upload_aborted")


def test_a_completed_upload_is_not_aborted_and_its_urls_are_dead(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    send_parts(begun["presigned_urls"], CONTENT, part_size=PART_SIZE)
    assert alice("POST", f"/files/uploads/{begun['id']}/complete").status_code == 200
    assert_problem(alice("DELETE", f"/files/uploads/{begun['id']}"), 409, "upload_completed")
    assert put(begun["presigned_urls"][0], bytes(PART_SIZE)).status_code == 404
    assert alice("GET", f"/files/{begun['id']}/download").content == CONTENT


def test_an_idempotency_key_begins_one_upload(alice: Api, bob: Api) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"file_name": "a.bin", "file_size": 10, "file_content_type": ""}
    first = alice("POST", "/files/uploads", json=body, headers=key).json()
    second = alice("POST", "/files/uploads", json=body, headers=key).json()
    assert second["id"] == first["id"]
    assert second["upload_id"] == first["upload_id"]
    assert len(second["presigned_urls"]) == 1
    other = alice("POST", "/files/uploads", json={**body, "file_size": 11}, headers=key)
    assert_problem(other, 409, "idempotency_key_reused")
    assert bob("POST", "/files/uploads", json=body, headers=key).json()["id"] != first["id"]


def test_an_idempotency_key_used_by_many_at_once_begins_one_upload(alice: Api) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"file_name": "a.bin", "file_size": 10, "file_content_type": ""}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: alice("POST", "/files/uploads", json=body, headers=key), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({(answer.json()["id"], answer.json()["upload_id"]) for answer in answers}) == 1


def test_many_completes_at_once_give_one_file(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    send_parts(begun["presigned_urls"], CONTENT, part_size=PART_SIZE)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: alice("POST", f"/files/uploads/{begun['id']}/complete"), range(6)))
    # One that finds the other at work may be told to ask again; nobody is told anything untrue.
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"upload_completing"}
    final = alice("POST", f"/files/uploads/{begun['id']}/complete")
    assert final.status_code == 200
    assert all(answer.json() == final.json() for answer in answers if answer.status_code == 200)
    assert alice("GET", f"/files/{begun['id']}/download").content == CONTENT


@pytest.mark.parametrize("round_number", range(4))
def test_complete_against_abort_has_one_winner(alice: Api, round_number: int) -> None:
    content = CONTENT[: 1000 + round_number]
    begun = alice.begin(content)
    send_parts(begun["presigned_urls"], content, part_size=PART_SIZE)
    address = f"/files/uploads/{begun['id']}"
    with ThreadPoolExecutor(2) as pool:
        completing = pool.submit(alice, "POST", f"{address}/complete")
        aborting = pool.submit(alice, "DELETE", address)
    completed, aborted = completing.result().status_code == 200, aborting.result().status_code == 204
    assert completed != aborted
    state = alice("GET", address).json()["upload_status"]
    assert state == ("completed" if completed else "aborted")
    download = alice("GET", f"/files/{begun['id']}/download")
    assert download.status_code == (200 if completed else 409)


def test_reports_are_counted_once(alice: Api) -> None:
    begun = alice.begin(CONTENT)
    address = f"/files/uploads/{begun['id']}/parts"
    alice("POST", address, json={"parts": [{"part_number": 1, "etag": "abc"}]})
    answer = alice("POST", address, json={"parts": [{"part_number": 1}, {"part_number": 3}]})
    assert answer.json() == {
        "uploaded_parts": 2,
        "num_parts": 3,
        "uploaded_size": PART_SIZE + 12_345,
        "file_size": len(CONTENT),
    }
    assert_problem(alice("POST", address, json={"parts": [{"part_number": 4}]}), 422, "invalid_input")


def test_presign_parts_limits_the_first_window(alice: Api) -> None:
    assert alice.begin(CONTENT, presign_parts=0)["presigned_urls"] == []
    assert len(alice.begin(CONTENT, presign_parts=2)["presigned_urls"]) == 2


def test_a_thousand_urls_at_once(alice: Api) -> None:
    begun = alice.initiate(file_size=1000 * PART_SIZE, num_parts=1000, part_size=PART_SIZE)
    assert [url["part_number"] for url in begun["presigned_urls"]] == list(range(1, 1001))
    assert alice("DELETE", f"/files/uploads/{begun['id']}").status_code == 204


def test_an_unfinished_upload_is_found_by_its_fingerprint(alice: Api, bob: Api, staff: Api) -> None:
    fingerprint = f"v1.10.{uuid4().hex}"
    begun = alice.initiate(file_size=10, fingerprint=fingerprint)
    found = alice("GET", "/files", params={"status": "uploading", "fingerprint": fingerprint}).json()
    assert [file["id"] for file in found["results"]] == [begun["id"]]
    for other in (bob, staff):  # staff who went on with it would finish a file that is not theirs
        assert other("GET", "/files", params={"status": "all", "fingerprint": fingerprint}).json()["results"] == []


def test_parts_go_to_the_store_with_its_etag_exposed_to_browsers(alice: Api) -> None:
    begun = alice.begin(CONTENT[:1000])
    answer = requests.put(
        begun["presigned_urls"][0]["url"], data=CONTENT[:1000], headers={"Origin": "https://app.example"}, timeout=60
    )
    assert answer.status_code == 200
    assert "etag" in answer.headers["Access-Control-Expose-Headers"].lower()
