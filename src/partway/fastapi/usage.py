"""The route that says what an owner uses, and may."""

# No postponed annotations here: FastAPI reads those of the route, and they close over the factory's dependency.

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from partway.core.file import Caller
from partway.core.limits import Admission, Quota
from partway.fastapi.answers import json_answer
from partway.fastapi.auth import CallerOf
from partway.wire import schemas
from partway.wire.answers import usage_json


def add_usage_route(router: APIRouter, admission: Admission, caller_of: CallerOf, quota: Quota) -> None:
    """Add `GET /files/usage`.

    Args:
        quota: what an owner may use whose token does not say otherwise.
    """
    CallerArg = Annotated[Caller, Depends(caller_of)]

    @router.get("/files/usage", response_model=schemas.UsageAnswer, tags=["files"])
    async def usage(
        caller: CallerArg,
        owner: Annotated[str | None, Query(max_length=255, description="for staff; else the caller")] = None,
    ) -> Response:
        """What the caller, or for staff another owner, uses and may use."""
        return json_answer(usage_json(await admission.standing(caller, owner=owner, quota=quota)))
