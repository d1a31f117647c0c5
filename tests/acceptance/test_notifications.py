"""The store says what has appeared, and files are completed without their clients."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote_plus

import pytest
import requests

from tests.acceptance.api import NOTIFICATION_TOKEN, PART_SIZE, Api, assert_problem, put, send_parts, token_for
from tests.servers.service import Service

NOTHING = {"completed": 0, "failed": 0, "open": 0, "ignored": 0}
BEARER = {"Authorization": f"Bearer {NOTIFICATION_TOKEN}"}


@pytest.fixture
def bucket(stack: dict[str, str]) -> str:
    """The bucket's name; the local disk is called so."""
    return stack.get("S3_BUCKET_NAME", "local")


def records_of(bucket: str, *keys: str, event: str = "ObjectCreated:Put") -> dict[str, Any]:
    """What S3 says of new objects."""
    return {
        "Records": [
            {"eventName": event, "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}} for key in keys
        ]
    }


def notify(service: Service, body: Any, **options: Any) -> requests.Response:
    """Send a notification as SNS does."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "text/plain; charset=UTF-8", **options.pop("headers", BEARER)}
    return requests.post(f"{service.url}/v1/notifications/s3", data=content, headers=headers, timeout=60, **options)


def noted(service: Service, body: Any) -> dict[str, int]:
    """Send a notification that must be taken; what differs from nothing."""
    answer = notify(service, body)
    assert answer.status_code == 200, answer.text
    numbers: dict[str, int] = answer.json()
    assert numbers.keys() == NOTHING.keys()
    return {outcome: number for outcome, number in numbers.items() if number}


def small(api: Api, content: bytes) -> dict[str, Any]:
    """Begin a file that one PUT brings."""
    described = {"file_name": "small.bin", "file_size": len(content), "file_content_type": "text/plain"}
    (begun,) = api("POST", "/files/uploads/batch", json={"files": [described]}).json()["uploads"]
    assert begun["upload_id"] is None
    found: dict[str, Any] = begun
    return found


def status(api: Api, begun: dict[str, Any]) -> str:
    found: str = api("GET", f"/files/uploads/{begun['id']}").json()["upload_status"]
    return found


def test_a_small_file_whose_client_vanished_is_completed(service: Service, alice: Api, bucket: str) -> None:
    begun = small(alice, b"left behind")
    told = records_of(bucket, begun["s3_key"])
    assert noted(service, told) == {"open": 1}
    assert put(begun["presigned_urls"][0], b"left behind").status_code == 200
    assert noted(service, told) == {"completed": 1}
    assert noted(service, told) == {"ignored": 1}
    file = alice("GET", f"/files/{begun['id']}").json()
    assert (file["upload_status"], file["file_size"]) == ("completed", 11)
    assert file["etag"]
    assert alice("GET", f"/files/{begun['id']}/download").content == b"left behind"
    again = alice("POST", f"/files/uploads/{begun['id']}/complete")
    assert (again.status_code, again.json()["etag"]) == (200, file["etag"])


@pytest.mark.parametrize("carrier", ["SNS", "SQS", "EventBridge"])
def test_whatever_carries_the_news(service: Service, alice: Api, bucket: str, carrier: str) -> None:
    begun = small(alice, b"news")
    assert put(begun["presigned_urls"][0], b"news").status_code == 200
    records = json.dumps(records_of(bucket, begun["s3_key"]))
    told = {
        "SNS": {"Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:1:t", "Message": records},
        "SQS": {"Messages": [{"MessageId": "1", "Body": records}]},
        "EventBridge": {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": bucket}, "object": {"key": begun["s3_key"]}},
        },
    }[carrier]
    assert noted(service, told) == {"completed": 1}
    assert status(alice, begun) == "completed"


def test_false_news_change_nothing(service: Service, alice: Api, bob: Api, bucket: str) -> None:
    content = b"p" * (PART_SIZE + 1)
    parts, waiting, aborted = alice.begin(content), small(alice, b"later"), small(bob, b"never")
    send_parts(parts["presigned_urls"], content, part_size=PART_SIZE)
    assert bob("DELETE", f"/files/uploads/{aborted['id']}").status_code == 204
    keys = [parts["s3_key"], waiting["s3_key"], aborted["s3_key"], "files/unknown", "../x", "a\0b", "ü"]
    assert noted(service, records_of(bucket, *keys)) == {"open": 2, "ignored": 5}
    assert noted(service, records_of("another", *keys)) == {"ignored": 7}
    assert noted(service, records_of(bucket, *keys, event="ObjectRemoved:Delete")) == {}
    assert [status(alice, parts), status(alice, waiting)] == ["uploading", "uploading"]
    assert alice("POST", f"/files/uploads/{parts['id']}/complete").json()["upload_status"] == "completed"
    assert noted(service, records_of(bucket, parts["s3_key"])) == {"ignored": 1}


def test_many_at_once_each_have_their_outcome(service: Service, alice: Api, bucket: str) -> None:
    begun = [small(alice, b"many") for _ in range(12)]
    for each in begun[::2]:
        assert put(each["presigned_urls"][0], b"many").status_code == 200
    keys = [each["s3_key"] for each in begun]
    assert noted(service, records_of(bucket, *keys, *keys)) == {"completed": 6, "open": 6}
    assert [status(alice, each) for each in begun] == ["completed", "uploading"] * 6


def test_a_store_that_tries_us_is_answered(service: Service) -> None:
    assert noted(service, {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "any"}) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {NOTIFICATION_TOKEN}x"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(f"{NOTIFICATION_TOKEN}:".encode()).decode()},
        {"Authorization": f"Bearer {token_for('alice', staff=True)}"},
        {"Authorization": "Bearer ü".encode().decode("latin-1")},
    ],
)
def test_without_the_token_nobody_is_heard(service: Service, headers: dict[str, str]) -> None:
    answer = notify(service, records_of("local", "files/a"), headers=headers)
    assert_problem(answer, 401, "not_authenticated")
    # SNS sends the password of its URL only to who asks for it with a realm.
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')


def test_the_token_may_come_in_three_ways(service: Service) -> None:
    for options in (
        {"headers": BEARER},
        {"headers": {}, "auth": ("anybody", NOTIFICATION_TOKEN)},
        {"headers": {}, "params": {"token": NOTIFICATION_TOKEN}},
    ):
        assert notify(service, {"Records": []}, **options).json() == NOTHING
    assert_problem(notify(service, b"", headers={}, params={"token": "wrong"}), 401, "not_authenticated")


def test_what_is_no_notification_is_refused(service: Service) -> None:
    assert_problem(notify(service, b"no json"), 400, "malformed_body")
    assert_problem(notify(service, b""), 400, "malformed_body")
    assert_problem(notify(service, {"some": "thing"}), 422, "invalid_input")
    assert_problem(notify(service, records_of("b", *map(str, range(101)))), 422, "invalid_input")
    assert_problem(notify(service, b" " * (1024 * 1024 + 1)), 413, "body_too_large")
    elsewhere = {"Type": "SubscriptionConfirmation", "SubscribeURL": f"{service.url}/health"}
    assert_problem(notify(service, elsewhere), 422, "invalid_input")
