"""What stores say of new objects: every shape in which it arrives, and whatever else may arrive."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partway.errors import Refused
from partway.s3.notifications import MAX_OBJECTS, CreatedObject, Notification, read_notification

SPACED = CreatedObject("bucket", "files/a b+c/ü.pdf")


def record(key: str, *, bucket: str = "bucket", event: str = "ObjectCreated:Put") -> dict[str, Any]:
    """A record as S3 makes it; the key is already encoded."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-01-15T10:00:00.000Z",
        "eventName": event,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "partway",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "A1"}, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": key, "size": 3, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6DCD"},
        },
    }


RECORDS = {"Records": [record(quote_plus(SPACED.key, safe="/"))]}
SNS = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": "arn:aws:sns:eu-central-1:123456789012:files",
    "Subject": "Amazon S3 Notification",
    "Message": json.dumps(RECORDS),
    "SignatureVersion": "1",
}
EVENTBRIDGE = {
    "version": "0",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "resources": ["arn:aws:s3:::bucket"],
    "detail": {"bucket": {"name": "bucket"}, "object": {"key": SPACED.key, "size": 3}, "reason": "PutObject"},
}


def message(body: dict[str, Any]) -> dict[str, Any]:
    """A message as SQS gives it."""
    return {"MessageId": "m", "ReceiptHandle": "r", "MD5OfBody": "5", "Body": json.dumps(body)}


def read(body: Any) -> Notification:
    return read_notification(json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [
        RECORDS,
        SNS,
        message(RECORDS),
        {"Messages": [message(RECORDS)]},
        {"Messages": [message(SNS), message(EVENTBRIDGE)]},
        EVENTBRIDGE,
        {
            "EventName": "s3:ObjectCreated:CompleteMultipartUpload",
            "Key": f"bucket/{SPACED.key}",
            "Records": [record(quote(SPACED.key, safe=""), event="s3:ObjectCreated:CompleteMultipartUpload")],
        },
        {"key": f"/buckets/bucket/{SPACED.key}", "event_type": "create", "message": {"new_entry": {"name": "ü.pdf"}}},
        {"key": f"/buckets/bucket/{SPACED.key}", "event_type": "update", "message": {}},
    ],
    ids=["S3", "SNS", "SQS", "receipt", "SNS in SQS", "EventBridge", "MinIO", "SeaweedFS", "SeaweedFS update"],
)
def test_every_shape_names_the_same_object(body: dict[str, Any]) -> None:
    assert read(body) == Notification(created=(SPACED,))


def test_a_notification_names_each_object_once_and_in_order() -> None:
    records = [record(key, bucket=bucket) for key, bucket in (("b", "one"), ("a", "two"), ("b", "one"), ("b", "two"))]
    assert read({"Records": records}).created == (
        CreatedObject("one", "b"),
        CreatedObject("two", "a"),
        CreatedObject("two", "b"),
    )


@pytest.mark.parametrize(
    "body",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-15T10:00:00.000Z", "Bucket": "bucket"},
        {"Type": "UnsubscribeConfirmation", "SubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=x"},
        {"Records": []},
        {"Records": [record("a", event="ObjectRemoved:Delete")]},
        {"Messages": []},
        {**EVENTBRIDGE, "detail-type": "Object Deleted"},
        {"key": "/buckets/bucket/a", "event_type": "delete", "message": {}},
        {"key": "/buckets/bucket", "event_type": "create", "message": {}},
        {"key": "/etc/bucket/a", "event_type": "create", "message": {}},
    ],
)
def test_what_tells_of_no_new_object_says_nothing(body: dict[str, Any]) -> None:
    assert read(body) == Notification()


CONFIRMATION = (
    "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:x:1:t&Token=2336"
)


@pytest.mark.parametrize(
    "url", [CONFIRMATION, CONFIRMATION.replace("eu-central-1.amazonaws.com", "cn-north-1.amazonaws.com.cn")]
)
def test_a_subscription_at_sns_is_confirmed(url: str) -> None:
    assert read({"Type": "SubscriptionConfirmation", "SubscribeURL": url}) == Notification(subscribe_url=url)


@pytest.mark.parametrize(
    "url",
    [
        CONFIRMATION.replace("https", "http"),
        CONFIRMATION.replace("amazonaws.com", "amazonaws.com.evil.example"),
        CONFIRMATION.replace("sns.", "sns.evil.example/sns."),
        CONFIRMATION.replace("sns.", "user@sns."),
        CONFIRMATION.replace("sns.eu-central-1.amazonaws.com", "169.254.169.254"),
        CONFIRMATION.replace("sns.", "sqs."),
        CONFIRMATION.replace("amazonaws.com", "amazonaws.com:22"),
        CONFIRMATION.replace("amazonaws.com", "amazonaws.com@evil.example"),
        CONFIRMATION.replace("eu-central-1", "evil.example#"),
        CONFIRMATION.replace("ConfirmSubscription", "DeleteTopic"),
        CONFIRMATION + "#fragment",
        CONFIRMATION + "\r\nX: y",
        CONFIRMATION + " ",
        "file:///etc/passwd",
        "",
        None,
        7,
        ["https://sns.eu-central-1.amazonaws.com/"],
    ],
)
def test_no_other_place_is_visited(url: Any) -> None:
    with pytest.raises(Refused):
        read({"Type": "SubscriptionConfirmation", "SubscribeURL": url})


def test_a_confirmation_is_taken_from_sns_alone_and_not_out_of_a_queue() -> None:
    with pytest.raises(Refused):
        read(message({"Type": "SubscriptionConfirmation", "SubscribeURL": CONFIRMATION}))


def test_too_many_objects_are_refused() -> None:
    records = [record(str(number)) for number in range(MAX_OBJECTS + 1)]
    assert len(read({"Records": records[:-1] * 2}).created) == MAX_OBJECTS
    with pytest.raises(Refused):
        read({"Records": records})


def test_wrappings_have_an_end() -> None:
    body: dict[str, Any] = RECORDS
    for _ in range(4):
        body = message(body)
        assert read(body).created == (SPACED,)
    with pytest.raises(Refused):
        read(message(body))


WORDS = st.sampled_from(
    [
        *("Records", "s3", "bucket", "name", "object", "key", "eventName", "ObjectCreated:Put", "Type", "Notification"),
        *("Message", "Messages", "Body", "detail", "detail-type", "Object Created", "source", "aws.s3", "event_type"),
        *("create", "message", "Event", "s3:TestEvent", "SubscriptionConfirmation", "SubscribeURL", "/buckets/a/b"),
        *("{}", '{"Records": []}', "[]", "%", "%ff", "\0", "\ud800"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)


@given(ANYTHING)
def test_any_json_gives_objects_or_is_refused(body: Any) -> None:
    check(json.dumps(body).encode())


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"Body":' * 50_000)
@example(b"9" * 10_000)
@example(b"\xff\xfe")
@example(b"")
def test_any_bytes_give_objects_or_are_refused(body: bytes) -> None:
    check(body)


def check(body: bytes) -> None:
    try:
        notification = read_notification(body)
    except Refused:
        return
    for bucket, key in notification.created:
        assert isinstance(bucket, str)
        assert isinstance(key, str)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=50), st.booleans())
def test_keys_survive_the_stores_encodings(key: str, plus: bool) -> None:
    encoded = quote_plus(key) if plus else quote(key, safe="")
    assert read({"Records": [record(encoded)]}).created == (CreatedObject("bucket", key),)
