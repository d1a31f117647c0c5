"""The core's records of files, out of rows of the app's tables and into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Field

from partway.core.checksums import ChecksumAlgorithm
from partway.core.file import File, UploadStatus
from partway.core.parts import StoredPart
from partway.django import models
from partway.records.values import FIELDS, folded

#: Fields of a record → attributes of a row, where they differ.
_NAMES = {
    "created_by": "owner",
    "num_parts": "total_parts",
    "expires": "upload_expires_at",
    "parent_content_type": "parent_type",
}
ATTRIBUTES = {field: _NAMES.get(field, field) for field in FIELDS}


def file_of(row: models.File) -> File:
    """The record that a row holds."""
    return record_of({field: getattr(row, attribute) for field, attribute in ATTRIBUTES.items()})


def record_of(values: dict[str, Any]) -> File:
    """A record out of its fields as the columns hold them."""
    values["upload_status"] = UploadStatus(values["upload_status"])
    if values["checksum_algorithm"] is not None:
        values["checksum_algorithm"] = ChecksumAlgorithm(values["checksum_algorithm"])
    return File(**values)


def row_of(file: File, *, using: str) -> dict[str, Any]:
    """All attributes of a new row."""
    columns = columns_of({field: getattr(file, field) for field in FIELDS}, using=using)
    return {**columns, "created_by_id": user_key(file.created_by)}


def columns_of(values: Mapping[str, Any], *, using: str) -> dict[str, Any]:
    """Fields of a record as attributes of a row."""
    columns = {ATTRIBUTES[field]: value for field, value in values.items()}
    for field in ("name", "file_name"):
        if field in values:
            columns[f"folded_{field}"] = folded(values[field])
    if "parent_content_type" in values:
        kind = values["parent_content_type"]
        columns["parent_content_type_id"] = None if kind is None else content_type_of(kind, using=using)
    return columns


def part_of(row: models.Part) -> StoredPart:
    """A reported part."""
    return StoredPart(
        part_number=row.part_number,
        size=row.size,
        etag=row.etag,
        checksum=row.checksum,
        last_modified=row.last_modified,
    )


def content_type_of(name: str, *, using: str) -> int | None:
    """The id of a model's content type by the model's name as `app.model`; None: this project has no such model.

    A proxy's is that of the model whose rows it shows: they are deleted under either name.
    """
    app_label, _, model = name.lower().partition(".")
    try:
        found = apps.get_model(app_label, model)
    except LookupError:
        return None
    kind: int = ContentType.objects.db_manager(using).get_for_model(found).pk
    return kind


def user_key(owner: str) -> Any:
    """The primary key of the user that an owner is; None: owners of this name are no users."""
    key: Field[Any, Any] = get_user_model()._meta.pk
    try:
        return key.to_python(owner)
    except ValidationError:
        return None
