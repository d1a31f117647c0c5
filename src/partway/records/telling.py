"""A database that says when files may have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect

from partway.records.database import Database, Prepared
from partway.records.rows import Row, RowFormat
from partway.records.tables import files


class TellingDatabase:
    """A database (`partway.records.database.Database`) that tells of what was committed to the files' table.

    Args:
        database: does the work.
        tell: is called after each statement that may have changed files.
    """

    def __init__(self, database: Database, tell: Callable[[], object]) -> None:
        self.dialect: Dialect = database.dialect
        self.rows: RowFormat = database.rows
        self._database = database
        self._tell = tell

    async def fetch(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run one statement and return its rows."""
        rows = await self._database.fetch(statement, values)
        if statement.changes is files:
            self._tell()
        return rows

    async def fetch_each(self, statement: Prepared, many: Iterable[Mapping[str, Any]]) -> Sequence[Row]:
        """Run one statement for each set of values, all in one transaction, and return all rows."""
        rows = await self._database.fetch_each(statement, many)
        if statement.changes is files:
            self._tell()
        return rows

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._database.aclose()
