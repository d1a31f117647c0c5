"""What the routers of this room have in common: how their errors are documented."""

from __future__ import annotations

from typing import Any

from partway.wire import schemas
from partway.wire.problems import MEDIA_TYPE

_PROBLEM = {"model": schemas.ProblemAnswer, "content": {MEDIA_TYPE: {}}}
#: Status → what it says, for OpenAPI.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {**_PROBLEM, "description": description}
    for status, description in {
        400: "the body is malformed",
        401: "no valid token",
        404: "no such file for this caller",
        409: "the file's state does not allow it",
        410: "the store has lost it",
        413: "too large",
        422: "a value is not taken",
        502: "the store refuses",
        503: "the store or the database is not available",
    }.items()
}
