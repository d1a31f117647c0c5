"""What stores say of new objects, in the shapes in which it arrives by HTTP. Pure.

A store's own event records, alone or wrapped by what carries them (SNS, SQS), EventBridge's events, and the webhooks of
MinIO and of SeaweedFS' filer.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html (keys are form
encoded), https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html (keys are not),
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html,
https://github.com/seaweedfs/seaweedfs/wiki/Filer-Notification-Webhook.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from partway.errors import InvalidInput, Refused

MAX_OBJECTS = 100  #: in one notification; stores send one, and a receipt from SQS holds ten messages
_MAX_WRAPPINGS = 4  # a receipt from SQS, its message, SNS, the records
_SUBSCRIBE_URL = re.compile(
    r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?/\?Action=ConfirmSubscription&[!-\"$-~]{1,4000}"
)
_FILER_BUCKETS = "/buckets/"  # where SeaweedFS keeps them


class CreatedObject(NamedTuple):
    """Where an object is said to have appeared."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a notification says to us. Tests of a store, and events of other kinds, say nothing."""

    created: tuple[CreatedObject, ...] = ()  #: each once, at most `MAX_OBJECTS`
    subscribe_url: str | None = None  #: at AWS: to be visited if we want SNS to send us notifications


def read_notification(body: bytes) -> Notification:
    """Read a notification in any of the shapes.

    Raises:
        Refused: it is not JSON (code `malformed_body`).
        InvalidInput: it is of no known shape, names too many objects, or asks us to visit another place than SNS.
    """
    told = _parsed(body)
    if isinstance(told, dict) and told.get("Type") == "SubscriptionConfirmation":
        return Notification(subscribe_url=_subscribe_url(told.get("SubscribeURL")))
    created = tuple(dict.fromkeys(_created(told, wrappings=0)))
    if len(created) > MAX_OBJECTS:
        raise InvalidInput(f"The notification names {len(created)} objects; at most {MAX_OBJECTS} are taken at once.")
    return Notification(created=created)


def _parsed(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("The notification is not JSON.", code="malformed_body") from error


def _created(told: Any, *, wrappings: int) -> Iterator[CreatedObject]:
    if not isinstance(told, dict) or wrappings > _MAX_WRAPPINGS:
        raise _unknown_shape()
    match told:
        case {"Records": [*records]}:  # S3's own, and MinIO's
            for record in records:
                yield from _of_record(record)
        case {"Type": "Notification", "Message": str(text)} | {"Body": str(text)}:  # SNS; a message of SQS
            yield from _created(_parsed(text), wrappings=wrappings + 1)
        case {"Messages": [*messages]}:  # a receipt from SQS
            for message in messages:
                yield from _created(message, wrappings=wrappings + 1)
        case {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}:  # EventBridge
            yield _of_detail(detail)
        case {"event_type": str(kind), "key": str(path), "message": dict()}:  # SeaweedFS' filer
            yield from _of_path(kind, path)
        case {"Event": "s3:TestEvent"} | {"Type": "UnsubscribeConfirmation"} | {"source": "aws.s3"}:
            return
        case _:
            raise _unknown_shape()


def _of_record(record: Any) -> Iterator[CreatedObject]:
    match record:
        case {"eventName": str(name), "s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}}:
            if name.removeprefix("s3:").startswith("ObjectCreated:"):
                yield CreatedObject(bucket, unquote_plus(key))
        case _:
            raise _unknown_shape()


def _of_detail(detail: Any) -> CreatedObject:
    match detail:
        case {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}:
            return CreatedObject(bucket, key)
        case _:
            raise _unknown_shape()


def _of_path(kind: str, path: str) -> Iterator[CreatedObject]:
    bucket, slash, key = path.removeprefix(_FILER_BUCKETS).partition("/")
    if kind in {"create", "update"} and path.startswith(_FILER_BUCKETS) and slash:
        yield CreatedObject(bucket, key)


def _subscribe_url(url: Any) -> str:
    if isinstance(url, str) and _SUBSCRIBE_URL.fullmatch(url):
        return url
    raise InvalidInput("The subscription's SubscribeURL is not SNS'; it was not visited.", field="SubscribeURL")


def _unknown_shape() -> InvalidInput:
    return InvalidInput("The body is no notification of a known shape; see docs/notifications.md for those.")
