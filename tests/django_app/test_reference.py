"""`partway.django.docs`, and what the endpoints say of themselves without it."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.staticfiles.finders import find
from django.http import HttpResponse
from django.test import Client
from rest_framework.test import APIRequestFactory, force_authenticate

from partway.django.files import FileView
from partway.django.form_upload import FormUploadView
from tests.django_app.models import User


def test_the_reference_comes_from_the_project_alone() -> None:
    page = Client(HTTP_HOST="localhost").get("/docs")
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert any(source.endswith("swagger-ui-bundle.js") for source in sources)
    for source in sources:
        assert source.startswith(("/static/", "/docs?")), source
        if source.startswith("/static/"):
            assert find(source.removeprefix("/static/")), source
    assert b"/openapi.json" in Client(HTTP_HOST="localhost").get("/docs?script=").content


def test_the_schema_there_is_the_files_apis_alone() -> None:
    schema = Client(HTTP_HOST="localhost").get("/openapi.json").json()
    assert schema["info"]["title"] == "Files"
    assert {"/v1/files", "/v1/files/uploads/{file_id}/complete"} <= schema["paths"].keys()
    assert all(path.startswith("/v1/files") for path in schema["paths"])


def asked(view: type[FileView | FormUploadView], method: str) -> HttpResponse:
    """An answer to somebody who is known."""
    request = APIRequestFactory().generic(method, "/v1/files/1")
    force_authenticate(request, User(name="somebody"))
    answer: HttpResponse = view.as_view()(request, file_id="1") if view is FileView else view.as_view()(request)
    return answer


@pytest.mark.parametrize(
    ("view", "methods", "takes"),
    [
        (FileView, {"GET", "PATCH", "DELETE", "HEAD", "OPTIONS"}, "application/json"),
        (FormUploadView, {"POST", "OPTIONS"}, "multipart/form-data"),
    ],
)
def test_options_say_which_methods_and_types_there_are(
    view: type[FileView | FormUploadView], methods: set[str], takes: str
) -> None:
    answer = asked(view, "OPTIONS")
    assert answer.status_code == 200
    assert set(answer["Allow"].split(", ")) == methods
    said = json.loads(answer.content)
    assert (said["parses"], said["renders"]) == ([takes], ["application/json"])


def test_a_method_that_is_not_there_is_refused_with_those_that_are() -> None:
    answer = asked(FileView, "PUT")
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    assert set(answer["Allow"].split(", ")) == {"GET", "PATCH", "DELETE", "HEAD", "OPTIONS"}
