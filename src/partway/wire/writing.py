"""Answers as JSON, by orjson. Presigned URLs, of which there may be thousands, are signed and written in turn."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import orjson

from partway.wire.answers import plain_json

_URLS = "presigned_urls"
_AT_ONCE = 64  #: URLs: few enough to stay in the processor's cache, and to give garbage collection nothing to look at


def json_bytes(body: Any) -> bytes:
    """An answer of `wire.answers` as it is sent."""
    urls = body.get(_URLS) if isinstance(body, dict) else None
    if not urls:
        return orjson.dumps(body, default=plain_json)
    rest = orjson.dumps({name: value for name, value in body.items() if name != _URLS}, default=plain_json)
    comma = b"," if len(body) > 1 else b""
    return b"".join([b'{"', _URLS.encode(), b'":[', *_in_turn(urls), b"]", comma, rest[1:]])


def _in_turn(urls: Iterable[Any]) -> Iterable[bytes]:
    left, comma = iter(urls), b""
    while some := list(islice(left, _AT_ONCE)):
        yield comma
        yield orjson.dumps(some, default=plain_json)[1:-1]
        comma = b","
