"""What is done with finished files: restore, attach, copy, inspect, delete many."""

# No postponed annotations here: FastAPI reads those of the routes, and they close over the factory's dependencies.

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from partway.core.copies import Copies
from partway.core.file import Caller
from partway.core.files import Files
from partway.core.trash import Trash
from partway.errors import PartwayError
from partway.fastapi.addresses import OwnAddresses
from partway.fastapi.answers import json_answer
from partway.fastapi.auth import CallerOf
from partway.fastapi.routers import IdempotencyKey
from partway.wire import schemas
from partway.wire.answers import Addresses, file_json, metadata_json
from partway.wire.problems import problem_of
from partway.wire.requests import BulkDeleteBody, CopyBody, ParentBody


def add_file_actions(
    router: APIRouter, *, files: Files, copies: Copies, trash: Trash, caller_of: CallerOf, addresses_of: OwnAddresses
) -> None:
    """Add `/files/bulk-delete`, and `restore`, `set-parent`, `metadata` and `copy` of `/files/{file_id}`."""
    CallerArg = Annotated[Caller, Depends(caller_of)]
    AddressesArg = Annotated[Addresses, Depends(addresses_of)]

    @router.post("/files/bulk-delete", response_model=schemas.BulkDeleteAnswer, tags=["files"])
    async def bulk_delete(body: BulkDeleteBody, caller: CallerArg) -> Response:
        """Delete many files; each has its own outcome."""
        outcomes = await trash.delete_many(body.ids, caller=caller, hard=body.hard_delete)
        results = [_outcome(file_id, error) for file_id, error in zip(body.ids, outcomes, strict=True)]
        return json_answer({"results": results})

    @router.post("/files/{file_id}/restore", response_model=schemas.FileAnswer, tags=["files"])
    async def restore(file_id: UUID, caller: CallerArg, addresses: AddressesArg) -> Response:
        """Undo a soft deletion. Twice is fine."""
        return json_answer(file_json(await files.restore(file_id, caller=caller), addresses))

    @router.post("/files/{file_id}/set-parent", response_model=schemas.FileAnswer, tags=["files"])
    async def set_parent(file_id: UUID, body: ParentBody, caller: CallerArg, addresses: AddressesArg) -> Response:
        """Attach the file to an object of your application, or detach it by null."""
        kind, object_id = body.parent_content_type, body.parent_object_id
        return json_answer(file_json(await files.set_parent(file_id, kind, object_id, caller=caller), addresses))

    @router.get("/files/{file_id}/metadata", response_model=schemas.MetadataAnswer, tags=["files"])
    async def metadata(file_id: UUID, caller: CallerArg) -> Response:
        """What the record and the store say of the file, side by side."""
        return json_answer(metadata_json(*await files.inspect(file_id, caller=caller)))

    @router.post("/files/{file_id}/copy", status_code=201, response_model=schemas.FileAnswer, tags=["files"])
    async def copy(
        file_id: UUID,
        caller: CallerArg,
        addresses: AddressesArg,
        body: CopyBody | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Copy the file inside the store. Large ones take as long as the store needs."""
        new = (body or CopyBody()).as_new_copy()
        made = await copies.copy(file_id, new, caller=caller, idempotency_key=idempotency_key)
        return json_answer(file_json(made, addresses), status=201)


def _outcome(file_id: UUID, error: PartwayError | None) -> dict[str, Any]:
    if error is None:
        return {"id": str(file_id), "deleted": True}
    return {"id": str(file_id), "error": problem_of(error).body}
