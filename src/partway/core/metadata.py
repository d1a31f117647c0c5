"""The application's own data on a file: what its JSON object may hold, and what may be stored with an object."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from partway.errors import InvalidInput

MAX_METADATA_SIZE = 16 * 1024  #: bytes of the JSON text in UTF-8
MAX_METADATA_DEPTH = 10  #: levels of nesting
#: Bytes of all names and values together: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
MAX_OBJECT_METADATA_SIZE = 2048
_OBJECT_METADATA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")
_RESERVED = "partway-"


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


def check_object_metadata(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Return what is to be stored with an object (`x-amz-meta-…`), names in lower case, if a store can carry it.

    Raises:
        InvalidInput: a name holds more than ASCII letters, digits, `-` and `_`, or is ours; a value holds a control
            character or white space at an end; or all have more than 2 KB.
    """
    plain: dict[str, str] = {}
    for name, value in metadata.items():
        lower = name.lower()
        if not _OBJECT_METADATA_NAME.fullmatch(lower) or lower.startswith(_RESERVED):
            raise _invalid(
                f"has the name {name[:40]!r}; letters, digits, '-' and '_' make a name, '{_RESERVED}' is ours"
            )
        if lower in plain:
            raise _invalid(f"has the name {lower!r} twice, in upper and lower case")
        if value != value.strip() or any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in value):
            raise _invalid(f"holds a control character or outer white space in {lower!r}")
        plain[lower] = value
    size = sum(len(name) + len(value.encode()) for name, value in plain.items())
    if size > MAX_OBJECT_METADATA_SIZE:
        raise _invalid(f"has {size} bytes; an object carries at most {MAX_OBJECT_METADATA_SIZE}")
    return plain


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
