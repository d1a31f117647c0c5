"""JSON schemas as OpenAPI 3.0 writes them, which has its own words for null and knows no constants. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NULL = {"type": "null"}


def as_openapi_30(schema: Any) -> Any:
    """A schema of JSON Schema 2020-12, as pydantic writes it, in the words of OpenAPI 3.0.3.

    `null` among alternatives becomes `nullable`, `examples` become one `example`; of a `const` its type stays.
    """
    if isinstance(schema, list):
        return [as_openapi_30(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {name: as_openapi_30(value) for name, value in schema.items() if not _is_word(name, value, schema)}
    if isinstance(schema.get("examples"), list):
        found["example"] = schema["examples"][0]
    if _NULL in schema.get("anyOf", ()):
        found = _nullable(found)
    return found


def _is_word(name: str, value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a member of a schema is a word that 3.0 does not know, and not a property of this name."""
    if name == "examples":
        return isinstance(value, list)
    return name == "const" and not isinstance(value, Mapping) and "type" in schema


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    others = [each for each in schema.pop("anyOf") if each != _NULL]
    if len(others) > 1:
        return {**schema, "anyOf": others, "nullable": True}
    (only,) = others
    return {**schema, "allOf": [only], "nullable": True} if "$ref" in only else {**schema, **only, "nullable": True}
