"""Cursors of listings: a store's own place in a walk, as one opaque text that is good in any process."""

from __future__ import annotations

import base64
import json

from partway.errors import InvalidInput

_BEHIND_KEY, _BEHIND_UPLOAD = "objects", "uploads"


def write_cursor(kind: str, *place: str) -> str:
    """A place in a walk as a cursor, in letters, digits, `-` and `_`.

    Args:
        kind: of place; `read_cursor` gives it back, so that one listing's cursor is none of another's.
        place: as many texts as the kind needs.
    """
    return base64.urlsafe_b64encode(json.dumps([kind, *place]).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *, kinds: dict[str, int]) -> tuple[str, list[str]]:
    """The kind and the place that `write_cursor` was given.

    Args:
        cursor: whatever a caller sent.
        kinds: those that are taken, with the number of texts in a place.

    Raises:
        InvalidInput: it is no such cursor (code `invalid_cursor`).
    """
    try:
        said = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise _invalid() from error
    if not isinstance(said, list) or not all(isinstance(each, str) for each in said) or not said:
        raise _invalid()
    kind, *place = said
    if kinds.get(kind) != len(place):
        raise _invalid()
    return kind, place


def behind_key(key: str) -> str:
    """The cursor for what sorts behind a key."""
    return write_cursor(_BEHIND_KEY, key)


def last_key(cursor: str | None) -> str:
    """The key that `behind_key` was given; empty for a walk's begin.

    Raises:
        InvalidInput: it is no such cursor (code `invalid_cursor`).
    """
    return "" if cursor is None else read_cursor(cursor, kinds={_BEHIND_KEY: 1})[1][0]


def behind_upload(key: str, upload_id: str) -> str:
    """The cursor for what comes behind an open upload."""
    return write_cursor(_BEHIND_UPLOAD, key, upload_id)


def last_upload(cursor: str | None) -> tuple[str, str]:
    """The key and the upload id that `behind_upload` was given; empty for a walk's begin.

    Raises:
        InvalidInput: it is no such cursor (code `invalid_cursor`).
    """
    key, upload_id = ("", "") if cursor is None else read_cursor(cursor, kinds={_BEHIND_UPLOAD: 2})[1]
    return key, upload_id


def _invalid() -> InvalidInput:
    return InvalidInput(
        "This cursor is not one of this listing's; take it from a page.", field="cursor", code="invalid_cursor"
    )
