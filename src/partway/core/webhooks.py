"""Webhooks: what the application's servers are told, when they are told again, and what their answers mean.

The form is that of Standard Webhooks 1.0.0, with symmetric signatures:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

from partway.core.events import Event, EventType

SECRET_PREFIX = "whsec_"  # noqa: S105  # of every secret
_SECRET_SIZES = range(24, 65)  #: bytes
#: What endpoints are told of unless the settings say otherwise.
DEFAULT_TYPES = frozenset(
    {
        EventType.COMPLETED,
        EventType.ABORTED,
        EventType.FAILED,
        EventType.DELETED,
        EventType.RESTORED,
        EventType.REMOVED,
    }
)
#: How long to wait after each attempt that failed, before jitter; after the one behind the last an event is dead.
DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
_JITTER = 0.2  # of a delay, at most, and added to it: failures that came together do not come together again
_LONGEST_WISH = timedelta(hours=24)  # how far `Retry-After` may put an attempt off
MAX_URL_LENGTH = 2000  #: characters
MAX_ERROR_LENGTH = 255  #: characters


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Who is told of what."""

    urls: Sequence[str]
    secrets: Sequence[bytes] = field(repr=False)  #: each signs, so that one can take another's place
    types: frozenset[EventType] = DEFAULT_TYPES
    allow_private: bool = False  #: plain http too, and addresses that are not of the public internet


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event that one endpoint was not told of yet."""

    event: Event
    attempts: int = 0
    due: datetime | None  #: when it is tried next; None: never again (a dead letter), unless somebody wants it
    tried: datetime | None = None  #: the last time
    error: str | None = None  #: what went wrong then


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one attempt."""

    status: int | None = None  #: None: no answer
    retry_after: str | None = None  #: the header
    trouble: str = ""  #: why there was no answer

    @property
    def is_success(self) -> bool:
        """The endpoint has taken it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """The endpoint wants to be told of nothing any more."""
        return self.status == 410

    @property
    def error(self) -> str:
        """What went wrong, for people."""
        if self.status is None:
            return "".join(each if each.isprintable() else " " for each in self.trouble)[:MAX_ERROR_LENGTH]
        hint = "; redirects are not followed" if 300 <= self.status < 400 else ""
        return f"it answered {self.status}{hint}"


def after(delivery: Delivery, answer: Answer, *, now: datetime, chance: float) -> Delivery | None:
    """What is left to do after an attempt; None: nothing.

    Args:
        chance: random, from 0 to 1.
    """
    if answer.is_success:
        return None
    if answer.is_gone:  # the endpoint is closed; if it is opened again, it is told at once
        return replace(delivery, due=now, tried=now, error=answer.error)
    due = None
    if delivery.attempts < len(DELAYS):
        due = now + max(DELAYS[delivery.attempts], _wish(answer.retry_after, now=now)) * (1 + _JITTER * chance)
    return replace(delivery, attempts=delivery.attempts + 1, due=due, tried=now, error=answer.error)


def _wish(retry_after: str | None, *, now: datetime) -> timedelta:
    """How long a `Retry-After` (RFC 9110, section 10.2.3) asks to wait, within our bounds."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        wish = timedelta(seconds=int(text[:9]))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError):
            return timedelta(0)
        wish = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(wish, _LONGEST_WISH)


def read_secret(text: str) -> bytes:
    """The bytes of a secret such as `whsec_MfKQ…`.

    Raises:
        ValueError: it is none. The error does not repeat it.
    """
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(SECRET_PREFIX) or len(secret) not in _SECRET_SIZES:
        raise ValueError(f"no {SECRET_PREFIX} and 24 to 64 bytes in base64")
    return secret


def body_of(event: Event) -> bytes:
    """What is posted: the same bytes at each attempt."""
    return body(event.type, event.created, {"file_id": str(event.file_id), "owner": event.owner, **event.data})


def body(what: str, when: datetime, data: object) -> bytes:
    """A body of some type, as JSON."""
    moment = when.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": what, "timestamp": moment, "data": data}, separators=(",", ":")).encode()


def headers_of(message_id: UUID, content: bytes, *, secrets: Sequence[bytes], now: datetime) -> dict[str, str]:
    """The headers of one attempt."""
    timestamp = int(now.timestamp())
    signatures = (
        signature(secret, message_id=str(message_id), timestamp=timestamp, body=content) for secret in secrets
    )
    return {
        "content-type": "application/json",
        "webhook-id": str(message_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def signature(secret: bytes, *, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of id, timestamp (seconds) and body in base64."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
