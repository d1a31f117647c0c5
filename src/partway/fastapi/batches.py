"""Routes for many small files at once."""

# No postponed annotations here: FastAPI reads those of the routes, and they close over the factory's dependencies.

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from partway.core.batches import Batches
from partway.core.file import Caller
from partway.errors import PartwayError
from partway.fastapi.addresses import OwnAddresses
from partway.fastapi.answers import json_answer
from partway.fastapi.auth import CallerOf
from partway.fastapi.rate_limit import SigningCosts
from partway.wire import schemas
from partway.wire.answers import Addresses, begun_upload_json, file_json
from partway.wire.problems import problem_of
from partway.wire.requests import BatchCompleteBody, BatchInitiateBody


def add_batch_initiation(
    router: APIRouter, batches: Batches, caller_of: CallerOf, addresses_of: OwnAddresses, costs: SigningCosts
) -> None:
    """Add `/files/uploads/batch`."""
    CallerArg = Annotated[Caller, Depends(caller_of)]
    AddressesArg = Annotated[Addresses, Depends(addresses_of)]

    @router.post("/files/uploads/batch", status_code=201, response_model=schemas.BatchBegunAnswer, tags=["uploads"])
    async def initiate(body: BatchInitiateBody, caller: CallerArg, addresses: AddressesArg) -> Response:
        """Begin many uploads of small files; each has its own outcome."""
        new = [each.as_new_upload() for each in body.files]
        await costs.initiations(caller, new)
        begun = await batches.initiate(new, caller=caller)
        uploads = [
            _problem(each) if isinstance(each, PartwayError) else begun_upload_json(each, addresses) for each in begun
        ]
        return json_answer({"uploads": uploads}, status=201)


def add_batch_completion(router: APIRouter, batches: Batches, caller_of: CallerOf, addresses_of: OwnAddresses) -> None:
    """Add `/files/uploads/batch/complete`."""
    CallerArg = Annotated[Caller, Depends(caller_of)]
    AddressesArg = Annotated[Addresses, Depends(addresses_of)]

    @router.post("/files/uploads/batch/complete", response_model=schemas.BatchCompletedAnswer, tags=["uploads"])
    async def complete(body: BatchCompleteBody, caller: CallerArg, addresses: AddressesArg) -> Response:
        """Complete many uploads; each has its own outcome."""
        done = await batches.complete(body.ids, caller=caller)
        files = [
            _problem(each, file_id) if isinstance(each, PartwayError) else file_json(each, addresses)
            for file_id, each in zip(body.ids, done, strict=True)
        ]
        return json_answer({"files": files})


def _problem(error: PartwayError, file_id: UUID | None = None) -> dict[str, Any]:
    problem = {"error": problem_of(error).body}
    return problem if file_id is None else {"id": str(file_id), **problem}
