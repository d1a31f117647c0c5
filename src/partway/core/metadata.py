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
        InvalidInput: they are too deep or too large, or hold what JSON or a database cannot carry: NaN, an infinity, an
            integer of more than 64 bits, a NUL character, half a character.
    """
    if not metadata:
        return metadata
    _check_value(metadata, levels=MAX_METADATA_DEPTH)
    try:
        size = len(json.dumps(metadata, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError) as error:
        raise _invalid("holds a value that JSON cannot carry (NaN, an infinity, half a character)") from error
    if size > MAX_METADATA_SIZE:
        raise _invalid(f"has {size} bytes of JSON; at most {MAX_METADATA_SIZE} are allowed")
    return metadata


def _check_value(value: object, *, levels: int) -> None:
    if isinstance(value, Mapping | list):
        if levels == 0:
            raise _invalid(f"is nested deeper than {MAX_METADATA_DEPTH} levels")
        for each in value if isinstance(value, list) else [*value.keys(), *value.values()]:
            _check_value(each, levels=levels - 1)
    elif isinstance(value, str) and "\x00" in value:
        raise _invalid("holds a NUL character")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise _invalid("holds an integer of more than 64 bits; send it as a text")


def _invalid(problem: str) -> InvalidInput:
    return InvalidInput(f"metadata {problem}.", field="metadata", code="invalid_metadata")
