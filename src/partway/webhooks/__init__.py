"""Webhooks: for those who receive them, `verify`; for those who send them, `partway.webhooks.sender`."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from partway.core.webhooks import read_secret, signature
from partway.errors import InvalidSignature

TOLERANCE = 300  #: seconds that an attempt's time may lie beside ours


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, *, tolerance: int = TOLERANCE, now: float | None = None
) -> dict[str, Any]:
    """Make sure that a webhook is Partway's and new, and return what it says: `type`, `timestamp` and `data`.

    The header `webhook-id` is the same whenever the same event is sent again: keep those that you have dealt with.

    Args:
        secret: `whsec_…`, or several with spaces between them while one takes another's place.
        headers: of the request, in any case.
        body: of the request, byte for byte as it came.
        tolerance: seconds that its time may lie beside ours.
        now: seconds since the epoch; None: now.

    Raises:
        InvalidSignature: a header is missing, no signature fits, or it is too old or from the future.
        ValueError: the secret is none.
    """
    secrets = [read_secret(each) for each in secret.split()]
    named = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, signatures = named["webhook-id"], named["webhook-signature"].split()
        timestamp = _seconds(named["webhook-timestamp"])
    except (KeyError, ValueError) as error:
        raise InvalidSignature("A header webhook-id, webhook-timestamp or webhook-signature is missing.") from error
    if abs((time.time() if now is None else now) - timestamp) > tolerance:
        raise InvalidSignature("The webhook is too old, or from the future: it may have been sent by somebody else.")
    right = [signature(each, message_id=message_id, timestamp=timestamp, body=body).encode() for each in secrets]
    if not any(hmac.compare_digest(each, given.encode(errors="replace")) for each in right for given in signatures):
        raise InvalidSignature("No signature of the webhook fits the secret.")
    told: dict[str, Any] = json.loads(body)
    return told


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError(text)
    return int(text)
