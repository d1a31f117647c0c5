"""The API's OpenAPI schema by drf-spectacular, where a project has it: the same contract as the service's.

Bodies and answers are the models of `partway.wire`; what else an endpoint takes stands in `partway.django.operations`.
"""

from __future__ import annotations

from inspect import getdoc
from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from partway.django.api import FilesView
from partway.django.files import FilesListView
from partway.django.openapi30 import as_openapi_30
from partway.django.operations import Operation, operation_of
from partway.wire.problems import MEANINGS
from partway.wire.problems import MEDIA_TYPE as PROBLEM_TYPE
from partway.wire.schemas import (
    BYTES_MEANINGS,
    BYTES_TYPE,
    REDIRECT_MEANING,
    UPLOAD_FORM,
    FileAnswer,
    ProblemAnswer,
)

_JSON, _FORM = "application/json", "multipart/form-data"
_FILE_ID = OpenApiParameter("file_id", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH)
_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="the same key with the same body gives the same file again",
)


class FilesSchema(AutoSchema):
    """Describes the endpoints of the files API, and what a project's own subclasses leave as it is."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        """One operation."""
        found: dict[str, Any] | None = super().get_operation(path, path_regex, path_prefix, method, registry)
        if found and "requestBody" in found and (ours := self._ours) is not None and ours.body_required:
            found["requestBody"]["required"] = True
        return found

    def get_override_parameters(self) -> list[Any]:
        """The path's, the query's and the headers' parameters."""
        found = [_FILE_ID] if "{file_id}" in self.path else []
        if (ours := self._ours) is None:
            return found
        if ours.query is not None:
            found += _query_parameters(ours.query)
        return [*found, _IDEMPOTENCY_KEY] if ours.idempotent else found

    def get_request_serializer(self) -> Any:
        """The body, by its media type."""
        if (ours := self._ours) is None:
            return super().get_request_serializer()
        if ours.takes_form:
            return {_FORM: dict(UPLOAD_FORM)}
        if ours.body is None:
            return {}
        body: dict[str, Any] = _reference(ours.body, self.registry, mode="validation")
        return {_JSON: body if ours.body_required else _dialect({"anyOf": [body, {"type": "null"}]})}

    def get_response_serializers(self) -> Any:
        """The answers, by status and media type."""
        if (ours := self._ours) is None:
            return super().get_response_serializers()
        problem = _reference(ProblemAnswer, self.registry)
        problems = {(status, PROBLEM_TYPE): OpenApiResponse(problem, text) for status, text in MEANINGS.items()}
        return {**_answers(ours, self.registry), **problems}

    def get_tags(self) -> list[str]:
        """Uploads, or files."""
        return super().get_tags() if (ours := self._ours) is None else [ours.tag]

    def get_operation_id(self) -> str:
        """An id that does not depend on what else the project has: `files_uploads_create`."""
        _, ours, place = self.path.rpartition("/v1/files")
        if not ours:
            return str(super().get_operation_id())
        steps = [step.replace("-", "_") for step in place.split("/") if step and not step.startswith("{")]
        listing = isinstance(self.view, FilesListView)
        return "_".join(["files", *steps, "list" if listing else self.method_mapping[self.method.lower()]])

    @property
    def _ours(self) -> Operation | None:
        return operation_of(type(self.view), self.method)


class FileScheme(OpenApiSerializerExtension):
    """Describes a whole file in a project's own answers as ours do."""

    target_class = "partway.django.serializers.FileSerializer"

    def get_name(self, auto_schema: AutoSchema, direction: str) -> str:
        """The component's name."""
        return FileAnswer.__name__

    def get_identity(self, auto_schema: AutoSchema, direction: str) -> Any:
        """What tells it from a component of the project's own that has this name."""
        return _Ours

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """The component."""
        return _own_schema(FileAnswer, auto_schema.registry, mode="serialization")


class WireFieldScheme(OpenApiSerializerFieldExtension):
    """Describes some of a file's fields, where a project chooses."""

    target_class = "partway.django.serializers.WireField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """One field."""
        whole = _own_schema(FileAnswer, auto_schema.registry, mode="serialization")
        found: dict[str, Any] = whole["properties"][self.target.field_name]
        return found


class BearerTokensScheme(OpenApiAuthenticationExtension):
    """Describes our bearer tokens."""

    target_class = "partway.django.tokens.BearerTokens"
    match_subclasses = True
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """The scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class _Ours:
    """Stands for whatever a component of ours was made of: drf-spectacular warns if somebody else's has its name."""


def describe_files() -> None:
    """Have our views describe themselves, whatever the project's `DEFAULT_SCHEMA_CLASS` is."""
    FilesView.schema = FilesSchema()


def _reference(
    model: type[BaseModel], registry: ComponentRegistry, *, mode: JsonSchemaMode = "serialization"
) -> dict[str, str]:
    """A reference to a model among the schema's components."""
    return _put(model.__name__, _own_schema(model, registry, mode=mode), registry)


def _own_schema(model: type[BaseModel], registry: ComponentRegistry, *, mode: JsonSchemaMode) -> dict[str, Any]:
    """A model's schema; what it refers to is put among the components."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode=mode)
    for name, each in schema.pop("$defs", {}).items():
        _put(name, _dialect(each), registry)
    return _dialect(schema)


def _put(name: str, schema: dict[str, Any], registry: ComponentRegistry) -> dict[str, str]:
    component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=_Ours)
    registry.register_on_missing(component)
    found: dict[str, str] = component.ref
    return found


def _dialect(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema in the words of the version that the project asks for."""
    found: dict[str, Any] = as_openapi_30(schema) if spectacular_settings.OAS_VERSION.startswith("3.0") else schema
    return found


def _query_parameters(model: type[BaseModel]) -> list[OpenApiParameter]:
    schema = model.model_json_schema()
    return [
        OpenApiParameter(
            name,
            {word: value for word, value in _dialect(each).items() if (word, value) != ("default", None)},
            OpenApiParameter.QUERY,
            description=each.pop("description", ""),
        )
        for name, each in schema["properties"].items()
    ]


def _answers(ours: Operation, registry: ComponentRegistry) -> dict[Any, OpenApiResponse]:
    """What is answered if all goes well, by status and media type."""
    if ours.answers_bytes:
        content = {"type": "string", "format": "binary"}
        found: dict[Any, OpenApiResponse] = {(200, BYTES_TYPE): OpenApiResponse(content, BYTES_MEANINGS[200])}
        for status, text in {**BYTES_MEANINGS, **({307: REDIRECT_MEANING} if ours.redirects else {})}.items():
            if status != 200:
                found[status] = OpenApiResponse(description=text)
        return found
    if ours.answer is None:
        return {ours.status: OpenApiResponse()}
    return {(ours.status, _JSON): OpenApiResponse(_reference(ours.answer, registry), getdoc(ours.answer) or "")}
