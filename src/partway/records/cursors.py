"""Cursors of a keyset listing: from which row on, and which way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from partway.core.file import File
from partway.core.ports import FilePage
from partway.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CURSOR = re.compile(r"([on])(-?[0-9]{1,18})\.([0-9a-f]{32})")
_OLDER, _NEWER = "o", "n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in a listing that is sorted by (created, id), newest first."""

    newer: bool  #: the rows before the place are asked for, not those behind it
    created: datetime
    id: UUID

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `str` wrote.

        Raises:
            InvalidInput: it is not a cursor (code `invalid_cursor`).
        """
        match = _CURSOR.fullmatch(text)
        try:
            if match is None:
                raise ValueError(text)
            created = _EPOCH + int(match[2]) * _MICROSECOND
        except (ValueError, OverflowError) as error:
            raise InvalidInput(
                "cursor is not one that a listing gave; begin without a cursor.", field="cursor", code="invalid_cursor"
            ) from error
        return cls(newer=match[1] == _NEWER, created=created, id=UUID(match[3]))

    def __str__(self) -> str:
        microseconds = (self.created - _EPOCH) // _MICROSECOND
        return f"{_NEWER if self.newer else _OLDER}{microseconds}.{self.id.hex}"


def page_of(found: Sequence[File], *, limit: int, cursor: Cursor | None) -> FilePage:
    """Make a page of up to `limit` + 1 rows, found from the cursor on in its direction, nearest first."""
    more = len(found) > limit
    files = list(found[:limit])
    newer = cursor is not None and cursor.newer
    if newer:
        files.reverse()
    has_older, has_newer = (True, more) if newer else (more, cursor is not None)
    return FilePage(
        files=files,
        next=_cursor(files[-1], newer=False) if files and has_older else None,
        previous=_cursor(files[0], newer=True) if files and has_newer else None,
    )


def _cursor(file: File, *, newer: bool) -> str:
    return str(Cursor(newer=newer, created=file.created, id=file.id))
