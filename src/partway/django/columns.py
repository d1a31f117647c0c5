"""Columns that hold the same on every database: text that is the same only letter by letter, and numbers in JSON.

MariaDB takes `A` for `a` and passes over spaces at the end, and its older tables hold no emoji; PostgreSQL sorts by the
database's language. Here the column says what it needs, whatever the database's own standard is.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class _Exact(models.Field):  # type: ignore[type-arg]  # Django has no such things when it runs
    """Compared by its bytes. Migrations do not mention the collation: it is the database's."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """The column's type, with its collation."""
        return {**super().db_parameters(connection), "collation": self._collation(connection)}

    @staticmethod
    def _collation(connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor != "mysql":
            return None
        # Both without padding: `_bin` alone passes over spaces at the end.
        return "utf8mb4_nopad_bin" if getattr(connection, "mysql_is_mariadb", False) else "utf8mb4_0900_bin"


class ExactCharField(_Exact, models.CharField):  # type: ignore[type-arg]
    """Text of bounded length."""


class ExactTextField(_Exact, models.TextField):  # type: ignore[type-arg]
    """Text of any length."""


class KeyField(ExactCharField):
    """An object's key, which also sorts by its bytes, as stores list."""

    @staticmethod
    def _collation(connection: BaseDatabaseWrapper) -> str | None:
        return "C" if connection.vendor == "postgresql" else ExactCharField._collation(connection)


class NumbersDecoder(json.JSONDecoder):
    """Reads an integer of more than 64 bits as the float that it was: PostgreSQL writes 1e20 out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"parse_int": _number, **options})


def _number(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else float(digits)
