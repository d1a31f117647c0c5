"""What the routers of this room have in common: how their errors are documented, and a header."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header

from partway.wire import schemas
from partway.wire.problems import MEDIA_TYPE

_PROBLEM = {"model": schemas.ProblemAnswer, "content": {MEDIA_TYPE: {}}}
#: Status → what it says, for OpenAPI.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {**_PROBLEM, "description": description}
    for status, description in {
        400: "the body is malformed",
        401: "no valid token",
        403: "the application refuses it",
        404: "no such file for this caller",
        409: "the file's state does not allow it",
        410: "the store has lost it",
        413: "too large, or more than the caller may use",
        422: "a value is not taken",
        429: "too many requests, or open uploads",
        502: "the store refuses",
        503: "the store or the database is not available",
    }.items()
}

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="the same key with the same body gives the same file again",
    ),
]
