"""Fields of a request that may come as JSON or in the query, in one model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from partway.errors import InvalidInput, Refused

Model = TypeVar("Model", bound=BaseModel)


async def read_fields(request: Request, model: type[Model], *, list_is: str | None = None) -> Model:
    """The fields of a request; those of the body count over those of the query.

    Args:
        request: with a JSON object as its body, or without a body.
        model: what the fields make.
        list_is: the field that the body is, if it is a list.

    Raises:
        Refused: the body is not JSON (codes `malformed_body`, `unsupported_media_type`).
        RequestValidationError: the fields do not make the model.
    """
    fields: dict[str, Any] = dict(request.query_params)
    if body := await request.body():
        said = _parsed(body, request.headers.get("content-type", ""))
        if isinstance(said, list) and list_is is not None:
            fields[list_is] = said
        elif isinstance(said, dict):
            fields |= said
        else:
            raise InvalidInput("The body must be a JSON object.")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in problems]) from error


def documented_fields(model: type[BaseModel]) -> dict[str, Any]:
    """What OpenAPI says of a route that reads this model: the JSON body, which may be absent."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    return {
        "requestBody": {
            "description": "The fields may stand in the query instead.",
            "content": {"application/json": {"schema": _inlined(schema, definitions)}},
        }
    }


def _parsed(body: bytes, content_type: str) -> Any:
    media_type = content_type.partition(";")[0].strip().lower()
    # Without this a foreign page could send what a browser takes for a harmless form.
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Refused("The body must be JSON, with Content-Type: application/json.", code="unsupported_media_type")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("The body is not JSON.", code="malformed_body") from error


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references: OpenAPI would look for them elsewhere."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(value, definitions) for name, value in schema.items()}
