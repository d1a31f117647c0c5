"""The tiny port between the records and a database driver, and what is said through it.

SQLAlchemy Core writes every statement and compiles it once; the drivers then run its text with positional values. That
leaves a verb at a third of what execution through an engine costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol, cast

from sqlalchemy import Dialect, Select
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Executable

from partway.records.rows import Row, RowFormat


class Prepared:
    """A statement as a driver runs it: its text, and which value goes where.

    Args:
        statement: what SQLAlchemy Core built, its values bound by name.
        dialect: the database's, with positional parameters.
    """

    __slots__ = ("_fixed", "_pick", "_single", "changes", "reads", "sql")

    def __init__(self, statement: Executable, *, dialect: Dialect) -> None:
        compiled = cast(SQLCompiler, cast(Any, statement).compile(dialect=dialect))
        names = compiled.positiontup or []
        self.sql = str(compiled)
        self.reads = isinstance(statement, Select)  #: it changes nothing
        self.changes = getattr(statement, "table", None)  #: the table whose rows it writes
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        self._pick = itemgetter(*names) if names else None
        self._single = len(names) == 1

    def arguments(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """The values in the order of the statement's parameters."""
        if self._pick is None:
            return ()
        picked = self._pick({**self._fixed, **values} if self._fixed else values)
        return (picked,) if self._single else cast(Sequence[Any], picked)


class Database(Protocol):
    """A database behind one door: its verbs raise errors of `partway.errors` alone.

    They are `RecordsUnavailable` (no connection, a timeout, locked for too long, tables that are not there),
    `Misconfigured` (an unknown host, a wrong password), `InvalidInput` (a value that the database refuses), `Conflict`
    (a value that must be unique is not) and `NotFound` (a row that another refers to is not there).
    """

    @property
    def dialect(self) -> Dialect:
        """What SQLAlchemy compiles for."""
        ...

    @property
    def rows(self) -> RowFormat:
        """How ids and times look in rows."""
        ...

    async def fetch(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run one statement in a transaction of its own, in one round trip, and return its rows."""
        ...

    async def fetch_each(self, statement: Prepared, many: Iterable[Mapping[str, Any]]) -> Sequence[Row]:
        """Run one statement for each set of values, all in one transaction, and return all rows."""
        ...

    async def aclose(self) -> None:
        """Give back the connections. May be called more than once."""
        ...
