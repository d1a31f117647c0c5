"""The application's own JSON object on a file: what it may hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from partway.errors import InvalidInput

MAX_METADATA_SIZE = 16 * 1024  #: bytes of the JSON text in UTF-8
MAX_METADATA_DEPTH = 10  #: levels of nesting


def check_metadata(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata if they are a bounded JSON object.

    Raises:
        InvalidInput: they are too deep or too large, hold NaN or an infinity, a NUL character, or are no JSON.
    """
    if _depth(metadata, MAX_METADATA_DEPTH + 1) > MAX_METADATA_DEPTH:
        raise _invalid(f"is nested deeper than {MAX_METADATA_DEPTH} levels")
    try:
        text = json.dumps(metadata, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError) as error:
        raise _invalid("holds a value that JSON cannot carry (NaN, an infinity, half a character)") from error
    if size > MAX_METADATA_SIZE:
        raise _invalid(f"has {size} bytes of JSON; at most {MAX_METADATA_SIZE} are allowed")
    if "\\u0000" in text:
        raise _invalid("holds a NUL character")
    return metadata


def _depth(value: object, most: int) -> int:
    """How deep `value` is nested; never looks further than `most` levels."""
    if most == 0 or not isinstance(value, Mapping | list):
        return 0
    inner = value.values() if isinstance(value, Mapping) else value
    return 1 + max((_depth(each, most - 1) for each in inner), default=0)


def _invalid(problem: str) -> InvalidInput:
    return InvalidInput(f"metadata {problem}.", field="metadata", code="invalid_metadata")
