"""The project's OpenAPI schema by drf-spectacular: complete, valid, and of the same contract as the service's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.urls import path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.validation import validate_schema
from fastapi import FastAPI

from partway.core.file import Caller
from partway.django.openapi30 import as_openapi_30
from partway.django.uploads import UploadsView
from partway.fastapi.auth import OneCaller
from partway.fastapi.files_router import files_router
from partway.records.memory import MemoryRecords
from partway.stores.memory import MemoryStore
from partway.wire.problems import MEANINGS

VERSIONS = ("3.0.3", "3.1.0")
OF_DJANGO = {"GET /v1/files/{file_id}/form-value"}  #: what the service does not have
UNSAID = {"title", "description", "examples", "example"}  #: words for people, which each front may choose


def schema_of(version: str, *patterns: Any) -> dict[str, Any]:
    """The schema of the project, or of some URLs, without any warning."""
    with patched_settings({"OAS_VERSION": version}):
        found: dict[str, Any] = SchemaGenerator(patterns=list(patterns) or None).get_schema(public=True)
        validate_schema(found)
    assert not GENERATOR_STATS, (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache)
    return found


def plain(schema: Any, components: Mapping[str, Any]) -> Any:
    """A schema without references and words for people. FastAPI makes bounds floats, and leaves out null defaults."""
    if isinstance(schema, list):
        return [plain(each, components) for each in schema]
    if not isinstance(schema, dict):
        return float(schema) if type(schema) is int else schema
    if "$ref" in schema:
        return plain(components[schema["$ref"].rpartition("/")[2]], components)
    names = schema.get("properties", {})
    found = {word: plain(each, components) for word, each in schema.items() if word not in {*UNSAID, "properties"}}
    if found.get("default", "") is None:
        del found["default"]
    return found | ({"properties": {name: plain(each, components) for name, each in names.items()}} if names else {})


def parameters_of(operation: Mapping[str, Any], components: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Parameters by place and name. There is no null in a URL or a header, whatever FastAPI says of them."""
    found = {}
    for each in operation.get("parameters", ()):
        schema = plain(each["schema"], components)
        alternatives = [other for other in schema.pop("anyOf", ()) if other != {"type": "null"}]
        for only in alternatives:
            schema |= only
        found[each["in"], each["name"]] = (each.get("required", False), schema)
    return found


def answers_of(operation: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    """What is answered in JSON, by status. FastAPI names the type of problems, but shows their schema under JSON."""
    found = {}
    for status, answer in operation["responses"].items():
        contents = [
            each["schema"] for kind, each in answer.get("content", {}).items() if kind.endswith("json") and each
        ]
        found[status] = plain(contents[0], components) if contents else None
    return found


def contract_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """All that a program must know, by method and path."""
    components = schema["components"]["schemas"]
    found = {}
    for place, methods in schema["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody")
            found[f"{method.upper()} {place}"] = {
                "tags": operation["tags"],
                "parameters": parameters_of(operation, components),
                "body": body and {"required": body.get("required", False), **plain(body["content"], components)},
                "answers": answers_of(operation, components),
            }
    return found


@pytest.fixture(scope="module")
def of_the_service() -> dict[str, Any]:
    """What the service says of its routes for files."""
    app = FastAPI()
    caller = OneCaller(Caller(id="somebody"))
    app.include_router(files_router(store=MemoryStore(), records=MemoryRecords(), caller=caller))
    return contract_of(app.openapi())


def test_the_command_has_nothing_to_warn_of(tmp_path: Any) -> None:
    call_command("spectacular", file=str(tmp_path / "schema.yaml"), validate=True, fail_on_warn=True)
    assert "/v1/files/uploads/{file_id}/complete:" in (tmp_path / "schema.yaml").read_text()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_operation_is_described(version: str) -> None:
    schema = schema_of(version)
    operations = [each for methods in schema["paths"].values() for each in methods.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    for each in operations:
        assert each["description"]
        assert each["responses"].keys() >= {str(status) for status in MEANINGS}
    assert {"bearerAuth": []} in schema["paths"]["/v1/files"]["get"]["security"]
    assert schema["paths"]["/v1/files/{file_id}/public"]["get"]["security"] == [{}]
    assert schema["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    assert schema["paths"]["/v1/files"]["get"]["operationId"] == "files_list"


def test_it_is_the_contract_of_the_service(of_the_service: dict[str, Any]) -> None:
    ours = contract_of(schema_of("3.1.0"))
    assert ours.keys() - OF_DJANGO == of_the_service.keys()
    for operation, theirs in of_the_service.items():
        assert ours[operation]["answers"].keys() == theirs["answers"].keys(), operation
        for status, answer in theirs["answers"].items():
            if answer is not None:
                assert ours[operation]["answers"][status] == answer, (operation, status)
        assert ours[operation]["parameters"] == theirs["parameters"], operation
        assert ours[operation]["body"] == theirs["body"], operation
        assert ours[operation]["tags"] == theirs["tags"], operation


class QuietUploads(UploadsView):
    """What a project may make of a view of ours."""

    @extend_schema(tags=["quiet"], operation_id="begin_quietly")
    def post(self, request: Any) -> HttpResponse:
        """Begin an upload, quietly."""
        return super().post(request)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_view_of_the_project_that_is_made_of_ours_says_what_it_changes(version: str) -> None:
    schema = schema_of(version, path("begin", QuietUploads.as_view()))
    operation = schema["paths"]["/begin"]["post"]
    assert (operation["tags"], operation["operationId"]) == (["quiet"], "begin_quietly")
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/InitiateBody")
    assert operation["responses"].keys() >= {"201", "422"}


def test_null_examples_and_constants_in_the_words_of_3_0() -> None:
    null = {"type": "null"}
    assert as_openapi_30({"anyOf": [{"type": "string", "maxLength": 9}, null], "default": None}) == {
        "type": "string",
        "maxLength": 9,
        "nullable": True,
        "default": None,
    }
    assert as_openapi_30({"anyOf": [{"$ref": "#/a"}, null]}) == {"allOf": [{"$ref": "#/a"}], "nullable": True}
    two = [{"type": "string"}, {"type": "integer"}]
    assert as_openapi_30({"anyOf": [*two, null]}) == {"anyOf": two, "nullable": True}
    assert as_openapi_30({"anyOf": two}) == {"anyOf": two}
    assert as_openapi_30({"type": "boolean", "const": True}) == {"type": "boolean"}
    assert as_openapi_30({"items": {"type": "string", "examples": ["a", "b"]}}) == {
        "items": {"type": "string", "example": "a"}
    }
    named = {"properties": {"const": {"type": "string"}, "examples": {"type": "string"}}}
    assert as_openapi_30(named) == named


def test_without_drf_spectacular_nothing_of_it_is_imported() -> None:
    program = """
import sys, django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "partway.django"],
    ROOT_URLCONF="partway.django.urls", SECRET_KEY="x" * 50, MEDIA_ROOT="/nowhere",
)
django.setup()
import partway.django.urls, partway.django.serializers
print([name for name in sys.modules if "spectacular" in name])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
