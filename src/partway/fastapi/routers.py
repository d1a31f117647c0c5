"""What the routers of this room have in common: how their errors are documented, and a header."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header

from partway.wire import schemas
from partway.wire.problems import MEANINGS, MEDIA_TYPE

_PROBLEM = {"model": schemas.ProblemAnswer, "content": {MEDIA_TYPE: {}}}
#: Status → what it says, for OpenAPI.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {**_PROBLEM, "description": meaning} for status, meaning in MEANINGS.items()
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
