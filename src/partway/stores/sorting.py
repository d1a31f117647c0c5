"""Sorts a listing on disk: see `core.ordering.Sorter`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from partway.core.ports import ListedObject

_CACHE_KIB = 8_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# What is lost with the process is of no use to another one.
_OPENING = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{_CACHE_KIB};
CREATE TABLE objects (key BLOB PRIMARY KEY, size INTEGER, etag TEXT, modified INTEGER) WITHOUT ROWID;
"""


class SortedOnDisk:
    """A scratch file in a temporary folder, made with the first row and gone at the end of a `with`.

    It takes some 150 bytes of disk for each object. Never suspends.
    """

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._connection: sqlite3.Connection | None = None

    async def add(self, objects: Sequence[ListedObject]) -> None:
        """Take rows in any order."""
        rows = [(row.key.encode(), row.size, row.etag, (row.last_modified - _EPOCH) // _MICROSECOND) for row in objects]
        connection = self._opened()
        with connection:
            connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", rows)

    async def page(self, *, after: str, limit: int) -> Sequence[ListedObject]:
        """Up to `limit` rows behind a key."""
        rows = self._opened().execute(
            "SELECT key, size, etag, modified FROM objects WHERE key > ? ORDER BY key LIMIT ?", (after.encode(), limit)
        )
        return [
            ListedObject(key.decode(), size, etag, _EPOCH + modified * _MICROSECOND)
            for key, size, etag, modified in rows
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._folder = TemporaryDirectory(prefix="partway-")
            self._connection = sqlite3.connect(Path(self._folder.name) / "objects", check_same_thread=False)
            self._connection.executescript(_OPENING)
        return self._connection
