"""The app's tables: made by its migrations, and of the service's columns where they mean the same."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.db.models import Field, Model
from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, String, Table, Text, Uuid

from partway.django import models
from partway.records import tables


class Shape(NamedTuple):
    """What a column holds."""

    kind: str
    length: int | None  #: characters; None: no limit, or no text
    nullable: bool


_KINDS = {
    "UUIDField": Uuid,
    "CharField": String,
    "TextField": Text,
    "BigIntegerField": BigInteger,
    "IntegerField": Integer,
    "BooleanField": Boolean,
    "JSONField": JSON,
    "DateTimeField": tables.UtcDateTime,
}
#: Columns that one side has alone or in another shape, and why.
DIFFERENCES = {
    "files": {
        "key": "here of 768 characters: MariaDB's indexes hold no longer ones",
        "owner": "here what the service calls `created_by`: any text",
        "created_by": "the service's owner; here `owner`",
        "created_by_id": "here the user that the owner is, by a foreign key",
        "parent_type": "here what the service calls `parent_content_type`: any text",
        "parent_content_type": "the service's name of a parent's kind; here `parent_type`",
        "parent_content_type_id": "here the content type of that name, by a foreign key",
    },
    "parts": {"id": "Django 5.1 and older know no primary key of two columns"},
    "usage": dict[str, str](),
}


def of_service(column: Column[Any]) -> Shape:
    """A column as SQLAlchemy knows it."""
    return Shape(type(column.type).__name__, getattr(column.type, "length", None), bool(column.nullable))


def of_app(field: Field[Any, Any]) -> Shape:
    """A column as Django knows it."""
    target = field.target_field if field.is_relation else field
    kind = _KINDS.get(target.get_internal_type())
    length = target.max_length if kind is String else None
    return Shape(kind.__name__ if kind else target.get_internal_type(), length, field.null)


@pytest.mark.parametrize(
    ("name", "table", "model"),
    [
        ("files", tables.files, models.File),
        ("parts", tables.parts, models.Part),
        ("usage", tables.usage, models.OwnerUsage),
    ],
)
def test_the_tables_agree_with_the_services(name: str, table: Table, model: type[Model]) -> None:
    service = {column.name: of_service(column) for column in table.columns}
    app = {field.column: of_app(field) for field in model._meta.concrete_fields}
    different = {column for column in service | app if service.get(column) != app.get(column)}
    assert different == DIFFERENCES[name].keys()


def test_the_migrations_make_the_models() -> None:
    call_command("makemigrations", "partway", check_changes=True, dry_run=True)
