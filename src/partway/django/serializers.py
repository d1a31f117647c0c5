"""Files in a project's own serializers: shown as the API shows them, and named by their ids."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse
from rest_framework import serializers

from partway.django.answers import addresses
from partway.django.api import caller_of
from partway.django.conf import configuration
from partway.django.models import File
from partway.django.rows import file_of
from partway.wire.answers import Addresses, file_json
from partway.wire.schemas import FileAnswer


class WireField(serializers.Field[Any, Any, Any, Any]):
    """A field of a `FileSerializer`, as the API has it."""

    def get_attribute(self, instance: File) -> Any:
        """The value, ready to be written."""
        assert isinstance(self.parent, FileSerializer)
        return self.parent.on_wire[str(self.field_name)]

    def to_representation(self, value: Any) -> Any:
        """The same."""
        return value


class FileSerializer(serializers.ModelSerializer[File]):
    """A file, read-only, with the fields that the API answers with; `Meta.fields` of a subclass chooses among them.

    Addresses are those that the request in the `context` came to, or `PUBLIC_URL`'s. `partway.django.urls` must be
    included.
    """

    on_wire: dict[str, Any]  #: the file that is being written

    class Meta:
        model = File
        fields: ClassVar = tuple(FileAnswer.model_fields)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"read_only": True, **kwargs})

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> serializers.BaseSerializer[Any]:
        """Many files, read-only."""
        return super().many_init(*args, **{"read_only": True, **kwargs})

    def build_field(self, field_name: str, *model: Any) -> Any:
        """Fields that the API has are written as it does; others are the model's."""
        if field_name in FileAnswer.model_fields:
            return WireField, {"read_only": True}
        return super().build_field(field_name, *model)

    def to_representation(self, instance: File) -> dict[str, Any]:
        """The file."""
        self.on_wire = file_json(file_of(instance), self._addresses)
        return super().to_representation(instance)

    @cached_property
    def _addresses(self) -> Addresses:
        prefix, _, _ = reverse("partway:files").rpartition("/files")
        return addresses(self.context.get("request"), prefix=prefix)


class FileReferenceField(serializers.PrimaryKeyRelatedField[File]):
    """The id of a finished file of the caller's own (for staff: of anybody's); gives its row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"pk_field": serializers.UUIDField(), **kwargs})

    def get_queryset(self) -> QuerySet[File]:
        """The files that the caller may name."""
        present: Any = File.objects
        files: QuerySet[File] = present.using(configuration().database).completed()
        request = self.context["request"]
        if not request.user.is_authenticated:
            return files.none()
        owner = caller_of(request).sees_only
        return files if owner is None else files.filter(owner=owner)
