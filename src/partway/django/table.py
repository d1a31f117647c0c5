"""Single rows of files, by statements whose SQL is made once.

The ORM makes its SQL anew for each query, which takes longer than the database takes to run it, and every upload waits
for an INSERT and an UPDATE. Values pass through the model's own fields all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

from partway.core.file import File
from partway.django import models
from partway.django.rows import ATTRIBUTES, record_of

_MOST_VALUES = 32_766  #: of one statement, where the database names no limit
_PLAIN = frozenset({str, int, bool, type(None)})  #: taken by every driver as they are


class _Column(NamedTuple):
    name: str  #: quoted
    write: Callable[..., Any]  #: a value and the connection → what the driver takes
    read: Sequence[Callable[..., Any]]  #: what the driver gives, an expression and the connection → a value
    expression: Any  #: what `read` is given


class FileTable:
    """The table of `models.File` in one database.

    Args:
        using: the alias of the database.
    """

    def __init__(self, *, using: str) -> None:
        self._using = using
        self._inserts: dict[tuple[str, ...], str] = {}

    @cached_property
    def returns_changed(self) -> bool:
        """Whether the database gives back the row that it changes: MariaDB does not."""
        connection = connections[self._using]
        return connection.vendor != "mysql" and connection.features.can_return_columns_from_insert

    def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, by as few statements as the database allows.

        Args:
            rows: attribute of the model → value, with the same attributes in each.
        """
        if not rows:
            return
        connection, names = connections[self._using], tuple(rows[0])
        head = self._inserts.get(names)
        if head is None:
            columns = ", ".join(self._columns[name].name for name in names)
            head = self._inserts[names] = f"INSERT INTO {self._name} ({columns}) VALUES "  # noqa: S608  # names of ours
        most = max(1, (connection.features.max_query_params or _MOST_VALUES) // len(names))
        with connection.cursor() as cursor:
            for start in range(0, len(rows), most):
                some = rows[start : start + most]
                places = ", ".join([f"({_places(names)})"] * len(some))
                cursor.execute(head + places, [value for row in some for value in self._written(row)])

    def change(self, file_id: UUID, columns: Mapping[str, Any], *, statuses: Collection[str]) -> File | None:
        """Change a row that has one of some states, and return the record; None: there is none.

        Where the database does not give back what it changes, these are two statements of one transaction.
        """
        if not statuses:
            return None
        names = [f"{self._columns[name].name} = %s" for name in columns]
        status = self._columns["upload_status"].name
        statement = (
            f"UPDATE {self._name} SET {', '.join(names) or f'{status} = {status}'} "  # noqa: S608  # names of ours
            f"WHERE {self._columns['id'].name} = %s AND {status} IN ({_places(statuses)})"
        )
        values = [*self._written(columns), self._id(file_id), *statuses]
        with connections[self._using].cursor() as cursor:
            if self.returns_changed:
                cursor.execute(f"{statement} RETURNING {self._read_names}", values)
                return self._record(cursor.fetchone())
            cursor.execute(statement, values)
            return self.get(file_id) if cursor.rowcount else None

    def get(self, file_id: UUID) -> File | None:
        """The record of a row; None: there is none."""
        names = f"SELECT {self._read_names} FROM {self._name}"  # noqa: S608  # names of ours
        with connections[self._using].cursor() as cursor:
            cursor.execute(f"{names} WHERE {self._columns['id'].name} = %s", [self._id(file_id)])
            return self._record(cursor.fetchone())

    @cached_property
    def _name(self) -> str:
        return connections[self._using].ops.quote_name(models.File._meta.db_table)

    @cached_property
    def _columns(self) -> Mapping[str, _Column]:
        """By the attributes of the model."""
        # One that never connects and no thread uses: its converters are kept for all threads.
        connection = connections.create_connection(self._using)
        return {field.attname: _column(field, connection) for field in models.File._meta.concrete_fields}

    @cached_property
    def _read(self) -> Sequence[tuple[str, _Column]]:
        """Fields of a record, and where they stand."""
        return [(field, self._columns[attribute]) for field, attribute in ATTRIBUTES.items()]

    @cached_property
    def _read_names(self) -> str:
        return ", ".join(column.name for _, column in self._read)

    def _id(self, file_id: UUID) -> Any:
        return self._columns["id"].write(file_id, connections[self._using])

    def _written(self, row: Mapping[str, Any]) -> list[Any]:
        connection = connections[self._using]
        columns = self._columns
        return [
            value if value.__class__ in _PLAIN else columns[name].write(value, connection)
            for name, value in row.items()
        ]

    def _record(self, found: Sequence[Any] | None) -> File | None:
        if found is None:
            return None
        connection, values = connections[self._using], {}
        for (field, column), value in zip(self._read, found, strict=True):
            for read in column.read:
                value = read(value, column.expression, connection)  # noqa: PLW2901  # one converter behind the other
            values[field] = value
        return record_of(values)


def _column(field: Field[Any, Any], connection: BaseDatabaseWrapper) -> _Column:
    expression = field.cached_col
    read = [*connection.ops.get_db_converters(expression), *expression.get_db_converters(connection)]
    return _Column(connection.ops.quote_name(str(field.column)), field.get_db_prep_save, read, expression)


def _places(values: Collection[Any]) -> str:
    return ", ".join(["%s"] * len(values))
