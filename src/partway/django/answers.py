"""Answers written by orjson, and errors as problem+json."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from pydantic import ValidationError

from partway.django.conf import configuration
from partway.errors import InvalidInput, Misconfigured, NotFound, PartwayError
from partway.wire.answers import Addresses
from partway.wire.problems import MEDIA_TYPE, problem_of
from partway.wire.writing import json_bytes

_log = logging.getLogger("partway.django")


def json_answer(body: Any, *, status: int = 200) -> HttpResponse:
    """An answer in JSON."""
    return HttpResponse(json_bytes(body), status=status, content_type="application/json")


def problem_answer(error: PartwayError) -> HttpResponse:
    """An error as problem+json."""
    problem = problem_of(error)
    answer = HttpResponse(orjson.dumps(problem.body), status=problem.status, content_type=MEDIA_TYPE)
    for name, value in problem.headers.items():
        answer[name] = value
    return answer


def misconfigured(error: ImproperlyConfigured) -> Misconfigured:
    """What clients are told of wrong settings; what is wrong stands in the log alone."""
    _log.error("The settings of this project are wrong: %s", error)
    return Misconfigured("This service is not set up rightly; those who run it find the reason in its log.")


def invalid(error: ValidationError) -> InvalidInput:
    """What pydantic says of a body, as our error."""
    problems = [{"field": ".".join(map(str, each["loc"])), "detail": each["msg"]} for each in error.errors()]
    first = problems[0]
    return InvalidInput(f"{first['field'] or 'The body'}: {first['detail']}.", errors=problems, field=first["field"])


def addresses(request: HttpRequest | None, *, prefix: str) -> Addresses:
    """Where the API stands as the client of a request sees it.

    Args:
        request: None: nobody asks; without `PUBLIC_URL` addresses are paths then.
        prefix: of the API, with the path under which the project is mounted.
    """
    asked = "" if request is None else f"{request.scheme}://{request.get_host()}"
    return Addresses(origin=(configuration().public_url or asked).rstrip("/"), prefix=prefix)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """A `handler404` for projects that are an API alone."""
    return problem_answer(NotFound(f"There is nothing at {request.path}."))
