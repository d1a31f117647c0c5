"""What replicas say to each other: up to where events have positions, and how far uploads have come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from partway.core.events import Progress

MAX_TEXT = 7999  #: bytes: https://www.postgresql.org/docs/current/sql-notify.html


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One message."""

    position: int = 0  #: the highest that was given; 0: the sender does not know
    progress: Sequence[Progress] = ()


def write_news(news: News) -> Iterator[str]:
    """The news as texts that a notification can carry: one, unless there is much progress."""
    rows: list[str] = []
    size = room = MAX_TEXT - len(_text(news.position, []))
    for progress in news.progress:
        row = json.dumps(_row(progress), ensure_ascii=False, separators=(",", ":"))
        needed = len(row.encode()) + 1  # and a comma
        if needed > size:
            yield _text(news.position, rows)
            rows, size = [], room
        rows.append(row)
        size -= needed
    yield _text(news.position, rows)


def read_news(text: str) -> News:
    """Read what `write_news` wrote; of another text only that there is one: a replica may be of another version."""
    try:
        position, rows = json.loads(text)
        return News(position=int(position), progress=[_progress(row) for row in rows])
    except (TypeError, ValueError, AttributeError):
        return News()


def _text(position: int, rows: Sequence[str]) -> str:
    return f"[{position},[{','.join(rows)}]]"


def _row(progress: Progress) -> list[Any]:
    parts, size = (progress.uploaded_parts, progress.num_parts), (progress.uploaded_size, progress.file_size)
    return [progress.file_id.hex, progress.owner, *parts, *size]


def _progress(row: Sequence[Any]) -> Progress:
    file_id, owner, uploaded_parts, num_parts, uploaded_size, file_size = row
    return Progress(
        file_id=UUID(hex=file_id),
        owner=owner,
        uploaded_parts=uploaded_parts,
        num_parts=num_parts,
        uploaded_size=uploaded_size,
        file_size=file_size,
    )
