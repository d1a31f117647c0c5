"""Answers written by orjson, and errors as problem+json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

try:
    import orjson
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("fastapi", module="orjson") from error

from partway.errors import InvalidInput, NotFound, PartwayError, Refused
from partway.wire.problems import MEDIA_TYPE, problem_of
from partway.wire.writing import json_bytes

_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}


def json_answer(body: Any, *, status: int = 200) -> Response:
    """An answer in JSON, past any response model."""
    return Response(json_bytes(body), status_code=status, media_type="application/json")


def problem_answer(error: PartwayError, *, headers: Mapping[str, str] | None = None) -> Response:
    """An error as problem+json."""
    problem = problem_of(error)
    return Response(
        orjson.dumps(problem.body),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={**problem.headers, **(headers or {})},
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Have every error of this application answered as problem+json."""
    app.add_exception_handler(PartwayError, _partway_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


async def _partway_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, PartwayError)
    return problem_answer(error)


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return problem_answer(Refused("The body is not JSON.", code="malformed_body"))
    if any(each["loc"] == ("path", "file_id") for each in found):
        return problem_answer(NotFound("There is no such file. Check the id, and that the token is its owner's."))
    problems = [{"field": _field(each["loc"]), "detail": each["msg"]} for each in found]
    first = problems[0]
    return problem_answer(
        InvalidInput(f"{first['field'] or 'The body'}: {first['detail']}.", errors=problems, field=first["field"])
    )


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "malformed_body" if error.status_code == 400 else "refused")
    refusal = Refused(str(error.detail), code=code)
    problem = problem_of(refusal)
    body = {**problem.body, "status": error.status_code, "title": str(error.detail)}
    return Response(orjson.dumps(body), status_code=error.status_code, media_type=MEDIA_TYPE, headers=error.headers)


def _field(place: tuple[Any, ...]) -> str:
    """`("body", "parts", 0, "etag")` → `parts.0.etag`."""
    return ".".join(str(step) for step in place[1:])
