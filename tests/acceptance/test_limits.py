"""Limits as clients meet them: exact under a rush, given back, and said in facts."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.acceptance.api import SECRET, Api, assert_problem, put, token_for
from tests.acceptance.fronts import Front, front
from tests.servers.service import Service

KIB = 1024
QUOTA = 50 * KIB
FITTING = 50  #: files of 1 KiB


@pytest.fixture(scope="module")
def limited(stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The service with quotas, and with URLs that die soon."""
    env = {
        **stack,
        "PARTWAY_QUOTA_BYTES": str(QUOTA),
        "PARTWAY_QUOTA_UPLOADS": "100",
        "S3_PRESIGNED_URL_EXPIRY": "2",
    }
    with front(tmp_path_factory.mktemp("limited") / "data", env=env) as running:
        yield running


@pytest.fixture
def owner(limited: Front) -> Api:
    """An owner who has nothing yet."""
    return Api(limited.url, token_for(f"owner-{uuid4()}"))


def body(size: int = KIB, **fields: Any) -> dict[str, Any]:
    return {"file_name": "a.bin", "file_size": size, "file_content_type": "text/plain", **fields}


def initiate(api: Api, size: int = KIB, **fields: Any) -> requests.Response:
    return api("POST", "/files/uploads", json=body(size, **fields))


def usage(api: Api, **query: str) -> dict[str, Any]:
    answer = api("GET", "/files/usage", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def until_taken(ask: Callable[[], requests.Response]) -> requests.Response:
    """Ask until there is room."""
    deadline = time.monotonic() + 30
    while (answer := ask()).status_code != 201:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.5)
    return answer


def test_of_a_rush_exactly_as_many_are_begun_as_fit(owner: Api) -> None:
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda _: initiate(owner), range(200)))
    assert Counter(answer.status_code for answer in answers) == {201: FITTING, 413: 200 - FITTING}
    for answer in answers:
        if answer.status_code == 413:
            problem = assert_problem(answer, 413, "quota_exceeded")
            assert problem["limit"] == QUOTA
            assert problem["used"] + problem["left"] == QUOTA
    assert usage(owner) == {
        "bytes": QUOTA,
        "files": FITTING,
        "open_uploads": FITTING,
        "quota_bytes": QUOTA,
        "quota_uploads": 100,
        "bytes_left": 0,
    }
    begun = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    with ThreadPoolExecutor(8) as threads:
        for answer in threads.map(lambda file_id: owner("DELETE", f"/files/uploads/{file_id}"), begun * 2):
            assert answer.status_code == 204
    assert (usage(owner)["bytes"], usage(owner)["open_uploads"]) == (0, 0)
    assert initiate(owner, QUOTA).status_code == 201


def test_of_rival_batches_exactly_as_many_are_begun_as_fit(owner: Api) -> None:
    with ThreadPoolExecutor(5) as threads:
        sent = {"files": [body() for _ in range(40)]}
        answers = list(threads.map(lambda _: owner("POST", "/files/uploads/batch", json=sent), range(5)))
    uploads = [each for answer in answers for each in answer.json()["uploads"]]
    codes = Counter(each["error"]["code"] if "error" in each else "begun" for each in uploads)
    assert codes == {"begun": FITTING, "quota_exceeded": 200 - FITTING}
    assert usage(owner)["bytes"] == QUOTA


def test_the_same_request_in_a_rush_takes_its_bytes_once(owner: Api) -> None:
    headers = {"Idempotency-Key": "one"}
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(
                lambda _: owner("POST", "/files/uploads", json=body(QUOTA, presign_parts=0), headers=headers), range(32)
            )
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert usage(owner)["bytes"] == QUOTA


def test_open_uploads_are_bounded(owner: Api) -> None:
    sent = {"files": [body(0) for _ in range(101)]}
    uploads = owner("POST", "/files/uploads/batch", json=sent).json()["uploads"]
    assert uploads[100]["error"]["code"] == "too_many_uploads"
    answer = initiate(owner, 0)
    problem = assert_problem(answer, 429, "too_many_uploads")
    assert (problem["limit"], problem["used"], problem["left"]) == (100, 100, 0)
    assert int(answer.headers["Retry-After"]) > 0
    assert owner("DELETE", f"/files/uploads/{uploads[0]['id']}").status_code == 204
    assert initiate(owner, 0).status_code == 201


def test_what_a_file_uses_goes_with_it(owner: Api) -> None:
    file = owner.upload(b"x" * QUOTA)
    assert usage(owner)["files"] == 1
    assert_problem(initiate(owner, 1), 413, "quota_exceeded")
    assert owner("DELETE", f"/files/{file['id']}").status_code == 204
    assert_problem(initiate(owner, 1), 413, "quota_exceeded")
    assert owner("DELETE", f"/files/{file['id']}?hard_delete=true").status_code == 204
    assert usage(owner)["bytes"] == 0
    assert initiate(owner, QUOTA).status_code == 201


def test_a_deleted_file_counts_while_a_url_could_bring_it_back(owner: Api) -> None:
    content = b"x" * QUOTA
    (upload,) = owner("POST", "/files/uploads/batch", json={"files": [body(QUOTA)]}).json()["uploads"]
    assert upload["upload_id"] is None
    (signed,) = upload["presigned_urls"]
    assert put(signed, content).status_code == 200
    address = f"/files/{upload['id']}"
    assert owner("POST", f"/files/uploads/{upload['id']}/complete").status_code == 200
    assert owner("DELETE", f"{address}?hard_delete=true").status_code == 204
    assert_problem(owner("GET", address), 404, "not_found")
    assert owner("GET", "/files?status=all&deleted=true").json()["results"] == []
    put(signed, content)  # whether the URL has died by now or not
    assert until_taken(lambda: initiate(owner, QUOTA)).status_code == 201
    assert usage(owner)["bytes"] == QUOTA


def test_a_token_may_allow_more_or_less(limited: Service) -> None:
    user = f"owner-{uuid4()}"
    rich, plain = Api(limited.url, token_for(user, quota_bytes=2 * QUOTA)), Api(limited.url, token_for(user))
    assert initiate(rich, 2 * QUOTA).status_code == 201
    assert usage(rich)["bytes_left"] == 0
    assert usage(plain) == {**usage(rich), "quota_bytes": QUOTA}
    assert_problem(initiate(rich, 1), 413, "quota_exceeded")
    for claim in (-1, "1000", 1.5, True, 2**63, []):
        refused = Api(limited.url, token_for(user, quota_bytes=claim))("GET", "/files/usage")
        assert_problem(refused, 401, "not_authenticated")


def test_staff_may_ask_for_anybodys_usage(limited: Service) -> None:
    user = f"owner-{uuid4()}"
    alice, bob = Api(limited.url, token_for(user)), Api(limited.url, token_for("bob"))
    staff = Api(limited.url, token_for("carol", staff=True))
    assert initiate(alice, 7).status_code == 201
    assert usage(staff, owner=user)["bytes"] == usage(alice, owner=user)["bytes"] == 7
    assert usage(staff, owner="nobody")["bytes"] == 0
    assert_problem(bob("GET", "/files/usage", params={"owner": user}), 404, "not_found")
    assert_problem(staff("GET", "/files/usage", params={"owner": "a\0b"}), 422, "invalid_input")


def test_without_limits_nothing_is_limited(alice: Api) -> None:
    found = usage(alice)
    assert (found["quota_bytes"], found["quota_uploads"], found["bytes_left"]) == (None, None, None)
    assert initiate(alice, 10**12, presign_parts=0).status_code == 201
    assert usage(alice)["bytes"] >= 10**12


# Rates ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with a rate, in which a test's requests all fall into one window."""
    env = {"PARTWAY_JWT_SECRET": SECRET, "PARTWAY_RATE_LIMIT": "20/hour", "S3_PART_SIZE_MB": "5"}
    with Service(tmp_path_factory.mktemp("hurried") / "data", env=env) as running:
        yield running


def parts(count: int) -> dict[str, Any]:
    return body(count * 5 * KIB * KIB)


def test_urls_are_counted_and_other_requests_are_one(hurried: Service) -> None:
    alice = Api(hurried.url, token_for(f"owner-{uuid4()}"))
    begun = alice("POST", "/files/uploads", json=parts(10))
    assert begun.status_code == 201
    address = f"/files/uploads/{begun.json()['id']}"
    for _ in range(3):
        assert alice("GET", address).status_code == 200
    numbers = {"part_numbers": [1, 2, 3, 3]}
    assert alice("POST", f"{address}/presigned-urls", json=numbers).status_code == 200
    batch = {"files": [body(0), body(0), body(0)]}
    answer = alice("POST", "/files/uploads/batch", json={"files": [*batch["files"], parts(2)]})
    problem = assert_problem(answer, 429, "rate_limited")
    assert (problem["limit"], problem["window"], problem["cost"]) == (20, 3600, 5)
    assert 3000 < int(answer.headers["Retry-After"]) <= 3600
    assert alice("POST", "/files/uploads/batch", json=batch).status_code == 201
    assert alice("GET", "/files").status_code == 200
    assert_problem(alice("GET", "/files"), 429, "rate_limited")
    bob = Api(hurried.url, token_for(f"owner-{uuid4()}"))
    assert bob("GET", "/files").status_code == 200
    assert requests.get(f"{hurried.url}/health", timeout=30).status_code == 200


def test_more_urls_than_the_rate_ever_allows_are_refused_for_good(hurried: Service) -> None:
    alice = Api(hurried.url, token_for(f"owner-{uuid4()}"))
    problem = assert_problem(alice("POST", "/files/uploads", json=parts(21)), 422, "invalid_input")
    assert problem["limit"] == 20
    assert alice("POST", "/files/uploads", json={**parts(21), "presign_parts": 20}).status_code == 201


def test_of_a_rush_as_many_pass_as_the_rate_allows(hurried: Service) -> None:
    alice = Api(hurried.url, token_for(f"owner-{uuid4()}"))
    with ThreadPoolExecutor(16) as threads:
        statuses = Counter(threads.map(lambda _: alice("GET", "/files").status_code, range(60)))
    assert statuses == {200: 20, 429: 40}


# Bodies --------------------------------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(limited: Service) -> None:
    """The declared length is enough: the answer comes, though no byte of the body does."""
    host, port = limited.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/files/uploads HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 4194305\r\n\r\n"
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"body_too_large"' in answer
