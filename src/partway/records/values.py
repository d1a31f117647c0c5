"""What a record's values must be for every database: bounded text without NUL, aware times, 64-bit numbers, JSON.

Databases differ in what they refuse (PostgreSQL takes no NUL and no text beyond a column's length, SQLite takes both),
so the records refuse first, and alike.
"""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from partway.core.file import File
from partway.core.keys import MAX_KEY_LENGTH
from partway.core.parts import StoredPart
from partway.core.ports import FileQuery
from partway.errors import InvalidInput

#: The fields of a record, in their order.
FIELDS = tuple(field.name for field in dataclasses.fields(File))

#: The fields that `change` may change.
CHANGEABLE = frozenset(FIELDS) - {"id", "created_by"}

_MAX_TEXT = 255
UNBOUNDED = 0  #: a length of no limit

#: Text fields and how many characters they hold.
TEXT_LENGTHS: Mapping[str, int] = {
    "key": MAX_KEY_LENGTH,
    "token": _MAX_TEXT,
    "file_name": _MAX_TEXT,
    "file_content_type": _MAX_TEXT,
    "detected_content_type": _MAX_TEXT,
    "name": _MAX_TEXT,
    "description": UNBOUNDED,
    "created_by": _MAX_TEXT,
    "created_by_name": _MAX_TEXT,
    "parent_content_type": _MAX_TEXT,
    "parent_object_id": _MAX_TEXT,
    "copied_from": _MAX_TEXT,
    "upload_id": UNBOUNDED,
    "fingerprint": _MAX_TEXT,
    "idempotency_key": _MAX_TEXT,
    "failure": _MAX_TEXT,
    "etag": _MAX_TEXT,
    "checksum": _MAX_TEXT,
}
ENUM_LENGTH = 16  #: characters of the longest status or algorithm, with room
EVENT_TYPE_LENGTH = 32  #: characters of the longest type of event, with room
TIMES = frozenset({"created", "modified", "expires", "completed", "deleted", "purging", "tended", "untold"})
FLAGS = ("is_public", "spares", "single_put", "settled", "counted")
NUMBERS = frozenset({"file_size", "part_size", "num_parts", "quota_bytes", "quota_uploads"})
_ASKED = ("parent_content_type", "parent_object_id", "fingerprint")
_INT64 = range(-(2**63), 2**63)


def check_text(field: str, value: str, *, length: int = _MAX_TEXT) -> str:
    """Return a text that every database can hold.

    Raises:
        InvalidInput: it has more than `length` characters (0: no limit), a NUL or half a character (a lone surrogate).
    """
    if length and len(value) > length:
        raise InvalidInput(f"{field} has {len(value)} characters; at most {length} are kept.", field=field)
    if "\0" in value or not (value.isascii() or _is_encodable(value)):
        raise InvalidInput(f"{field} holds a NUL character or half a character; send text in UTF-8.", field=field)
    return value


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """The application's JSON object as the text that is kept.

    Raises:
        InvalidInput: it is not JSON, or holds what a database cannot (code `invalid_metadata`).
    """
    if not metadata:
        return "{}"
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid_metadata("a value that JSON cannot carry (NaN, an infinity, half a character)") from error
    if "\\u0000" in text and _holds_nul(metadata):
        raise _invalid_metadata("a NUL character")
    return text


def _holds_nul(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_nul(key) or _holds_nul(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\0" in value


def _invalid_metadata(what: str) -> InvalidInput:
    return InvalidInput(f"metadata holds {what}.", field="metadata", code="invalid_metadata")


def metadata_from(text: str) -> dict[str, Any]:
    """The JSON object of a kept text."""
    if text == "{}":
        return {}
    metadata: dict[str, Any] = json.loads(text)
    return metadata


def folded(text: str) -> str:
    """A text without regard to case or to how accents are composed: what a search compares."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def check_values(values: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` if a database could not hold one of a record's values."""
    for field, value in values.items():
        if value is not None and (check := _CHECKS.get(field)):
            check(field, value)


def check_query(query: FileQuery) -> None:
    """Raise `InvalidInput` if no record could have one of the values that a query asks for."""
    check_values({"created_by": query.owner} | {name: getattr(query, name) for name in _ASKED})
    check_text("search", query.search or "")


def check_part(part: StoredPart) -> None:
    """Raise `InvalidInput` if a database could not hold a reported part."""
    check_values({"etag": part.etag, "checksum": part.checksum, "file_size": part.size})


def _check_field_text(field: str, value: Any) -> None:
    check_text(field, value, length=TEXT_LENGTHS[field])


def _check_time(field: str, value: datetime) -> None:
    if value.tzinfo is None:
        raise InvalidInput(f"{field} has no time zone; give an aware time.", field=field)


def _check_number(field: str, value: int) -> None:
    if value not in _INT64:
        raise InvalidInput(f"{field} is out of range; numbers have at most 64 bits.", field=field)


def _check_metadata(field: str, value: Mapping[str, Any]) -> None:
    metadata_text(value)


_CHECKS: Mapping[str, Callable[[str, Any], object]] = {
    **dict.fromkeys(TEXT_LENGTHS, _check_field_text),
    **dict.fromkeys(TIMES, _check_time),
    **dict.fromkeys(NUMBERS, _check_number),
    "metadata": _check_metadata,
}


def check_changes(changes: Mapping[str, Any]) -> None:
    """Raise `TypeError` if a name is not that of a field that may change."""
    if unknown := changes.keys() - CHANGEABLE:
        raise TypeError(f"change() takes fields of File, not {min(unknown)!r}")
