"""The files API: uploads and files, as docs/wire.md has them. Routes translate; the rules are the core's."""

# No postponed annotations here: FastAPI reads those of the routes, and they close over the factory's dependencies.

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from partway.core.batches import Batches
from partway.core.copies import Copies
from partway.core.events import EventRecords, EventTrunk
from partway.core.file import Caller, UploadStatus
from partway.core.files import MAX_EXPIRY, Files
from partway.core.hooks import ApplicationHooks, Hooks
from partway.core.initiation import UploadSettings
from partway.core.ports import Cdn, FileQuery, Records, Store
from partway.core.proxied import ProxiedUploads
from partway.core.trash import Trash
from partway.core.uploads import Uploads
from partway.fastapi.addresses import OwnAddresses
from partway.fastapi.answers import json_answer
from partway.fastapi.auth import CallerOf
from partway.fastapi.batches import add_batch_completion, add_batch_initiation
from partway.fastapi.downloads import add_download_route, add_public_route
from partway.fastapi.event_sockets import add_event_sockets
from partway.fastapi.event_streams import add_event_streams
from partway.fastapi.file_actions import add_file_actions
from partway.fastapi.form_upload import add_form_upload_route
from partway.fastapi.rate_limit import RateLimit, SigningCosts
from partway.fastapi.routers import PROBLEMS, IdempotencyKey
from partway.fastapi.stopping import Stopping
from partway.fastapi.streams import Streams
from partway.fastapi.usage import add_usage_route
from partway.wire import schemas
from partway.wire.answers import (
    Addresses,
    begun_upload_json,
    file_json,
    page_json,
    progress_json,
    signed_parts_json,
    upload_state_json,
)
from partway.wire.requests import CompleteBody, InitiateBody, PatchBody, PresignBody, ReportBody

StatusFilter = Literal["pending", "uploading", "completing", "completed", "aborted", "failed", "all"]


def files_router(
    *,
    store: Store,
    records: Records,
    caller: CallerOf,
    settings: UploadSettings | None = None,
    hooks: ApplicationHooks | None = None,
    download_expiry: int = 3600,
    public_max_age: int = 300,
    prefix: str = "/v1",
    public_url: str | None = None,
    cdn: Cdn | None = None,
    rate: RateLimit | None = None,
    feed: EventTrunk | None = None,
    origins: Sequence[str] = (),
    stopping: Stopping | None = None,
) -> APIRouter:
    """The routes of the files API, for any FastAPI application.

    Errors leave the routes as `PartwayError`s: `install_problem_handlers` answers them.

    Args:
        store: where the bytes go.
        records: where the files are remembered.
        caller: a dependency that gives the `Caller` of a request, or raises `NotAuthenticated`.
        settings: how uploads are made.
        hooks: yours, to refuse or change new files and to hear of finished ones; plain ones are called in threads.
        download_expiry: seconds that a download URL lives unless asked otherwise.
        public_max_age: seconds that caches may keep a public file.
        prefix: where the routes stand.
        public_url: how clients reach the application, if a proxy does not pass the host on.
        cdn: where clients download, if not from the store.
        rate: what each caller may ask for in a while; None: anything.
        feed: says when records that keep events have new ones; None: there are no streams.
        origins: whose pages may connect by WebSocket, besides our own; `*`: anybody's.
        stopping: ends the streams; without it the server's end waits for them.
    """
    settings = settings or UploadSettings()
    called = Hooks(hooks, call=asyncio.to_thread)
    uploads = Uploads(store=store, records=records, settings=settings, hooks=called, feed=feed)
    batches = Batches(store=store, records=records, settings=settings, uploads=uploads)
    files = Files(store=store, records=records, uploads=uploads, download_expiry=download_expiry, cdn=cdn)
    router = APIRouter(prefix=prefix, responses=PROBLEMS)
    addresses = OwnAddresses(prefix=prefix, public_url=public_url)
    costs = SigningCosts(rate, settings=settings, limits=store.limits)
    _add_signing_routes(router, uploads, caller, addresses, costs)
    add_batch_initiation(router, batches, caller, addresses, costs)
    streams = (
        Streams(records=records, uploads=uploads, feed=feed, caller=caller, stopping=stopping or Stopping())
        if feed is not None and isinstance(records, EventRecords)
        else None
    )
    if rate is not None:
        caller = rate.metered(caller)
    add_batch_completion(router, batches, caller, addresses)
    _add_upload_routes(router, uploads, caller, addresses)
    proxied = ProxiedUploads(store=store, records=records, uploads=uploads)
    add_form_upload_route(router, proxied, caller, addresses, policy=settings.policy)
    add_usage_route(router, uploads.admission, caller, settings.quota)  # before the routes of /files/{file_id}
    if streams is not None:
        add_event_streams(router, streams, caller)
        add_event_sockets(router, streams, caller, origins=origins)
    _add_file_routes(router, files, caller, addresses)
    add_download_route(router, files, caller, addresses)
    add_public_route(router, files, max_age=public_max_age)
    copies = Copies(store=store, records=records, uploads=uploads, files=files)
    trash = Trash(store=store, records=records, files=files, url_expiry=settings.url_expiry)
    add_file_actions(router, files=files, copies=copies, trash=trash, caller_of=caller, addresses_of=addresses)
    return router


def _add_signing_routes(
    router: APIRouter, uploads: Uploads, caller_of: CallerOf, addresses_of: OwnAddresses, costs: SigningCosts
) -> None:
    """Routes that cost as many requests as they have URLs signed."""
    CallerArg = Annotated[Caller, Depends(caller_of)]
    AddressesArg = Annotated[Addresses, Depends(addresses_of)]

    @router.post("/files/uploads", status_code=201, response_model=schemas.BegunUploadAnswer, tags=["uploads"])
    async def initiate(
        body: InitiateBody, caller: CallerArg, addresses: AddressesArg, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Begin an upload: reserve the file, plan its parts and sign their URLs."""
        new = body.as_new_upload()
        await costs.initiations(caller, [new])
        begun = await uploads.initiate(new, caller=caller, idempotency_key=idempotency_key)
        return json_answer(begun_upload_json(begun, addresses), status=201)

    @router.post("/files/uploads/{file_id}/presigned-urls", response_model=schemas.PresignedUrls, tags=["uploads"])
    async def presign(file_id: UUID, body: PresignBody, caller: CallerArg, addresses: AddressesArg) -> Response:
        """Fresh URLs for some parts, at any time while the upload is open."""
        await costs.urls(caller, len(set(body.part_numbers)))
        signed = await uploads.presign(file_id, body.part_numbers, checksums=body.checksums, caller=caller)
        return json_answer(signed_parts_json(signed, addresses))


def _add_upload_routes(router: APIRouter, uploads: Uploads, caller_of: CallerOf, addresses_of: OwnAddresses) -> None:
    CallerArg = Annotated[Caller, Depends(caller_of)]
    AddressesArg = Annotated[Addresses, Depends(addresses_of)]

    @router.get("/files/uploads/{file_id}", response_model=schemas.UploadStateAnswer, tags=["uploads"])
    async def state(file_id: UUID, caller: CallerArg) -> Response:
        """The upload's plan and the parts that the store holds: what a client needs to go on."""
        return json_answer(upload_state_json(await uploads.state(file_id, caller=caller)))

    @router.post("/files/uploads/{file_id}/parts", response_model=schemas.ProgressAnswer, tags=["uploads"])
    async def report(file_id: UUID, body: ReportBody, caller: CallerArg) -> Response:
        """Report parts as sent, for those who watch."""
        parts = [part.as_stored_part() for part in body.parts]
        return json_answer(progress_json(await uploads.report(file_id, parts, caller=caller)))

    @router.post("/files/uploads/{file_id}/complete", response_model=schemas.FileAnswer, tags=["uploads"])
    async def complete(
        file_id: UUID, caller: CallerArg, addresses: AddressesArg, body: CompleteBody | None = None
    ) -> Response:
        """Join the parts, verify the object and finish the file. Twice gives the same answer."""
        claimed = body.claims() if body else []
        return json_answer(file_json(await uploads.complete(file_id, claimed=claimed, caller=caller), addresses))

    @router.delete("/files/uploads/{file_id}", status_code=204, response_class=Response, tags=["uploads"])
    async def abort(file_id: UUID, caller: CallerArg) -> Response:
        """Give the upload up and drop its parts."""
        await uploads.abort(file_id, caller=caller)
        return Response(status_code=204)


def _add_file_routes(router: APIRouter, files: Files, caller_of: CallerOf, addresses_of: OwnAddresses) -> None:
    CallerArg = Annotated[Caller, Depends(caller_of)]
    AddressesArg = Annotated[Addresses, Depends(addresses_of)]

    @router.get("/files", response_model=schemas.FilePageAnswer, tags=["files"])
    async def page(
        request: Request,
        caller: CallerArg,
        addresses: AddressesArg,
        status: StatusFilter = "completed",
        parent_content_type: str | None = None,
        parent_object_id: str | None = None,
        search: Annotated[str | None, Query(max_length=255)] = None,
        fingerprint: Annotated[str | None, Query(max_length=255)] = None,
        deleted: bool = False,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
    ) -> Response:
        """The caller's files, newest first."""
        query = FileQuery(
            status=None if status == "all" else UploadStatus(status),
            parent_content_type=parent_content_type,
            parent_object_id=parent_object_id,
            search=search or None,
            fingerprint=fingerprint,
            deleted=deleted,
            limit=limit,
            cursor=cursor,
        )
        found = await files.page(query, caller=caller)
        return json_answer(page_json(found, request.query_params.multi_items(), addresses))

    @router.get("/files/{file_id}", response_model=schemas.FileAnswer, tags=["files"])
    async def get(file_id: UUID, caller: CallerArg, addresses: AddressesArg) -> Response:
        """One file."""
        return json_answer(file_json(await files.get(file_id, caller=caller), addresses))

    @router.patch("/files/{file_id}", response_model=schemas.FileAnswer, tags=["files"])
    async def update(file_id: UUID, body: PatchBody, caller: CallerArg, addresses: AddressesArg) -> Response:
        """Change name, description, metadata or publicity."""
        return json_answer(file_json(await files.update(file_id, body.changes(), caller=caller), addresses))

    @router.delete("/files/{file_id}", status_code=204, response_class=Response, tags=["files"])
    async def delete(file_id: UUID, caller: CallerArg, hard_delete: bool = False) -> Response:
        """Delete: hidden at first (the object is kept); with `hard_delete` the object and the record go."""
        await files.delete(file_id, caller=caller, hard=hard_delete)
        return Response(status_code=204)

    @router.get("/files/{file_id}/presigned-url", response_model=schemas.UrlAnswer, tags=["files"])
    async def presigned_url(
        file_id: UUID,
        caller: CallerArg,
        addresses: AddressesArg,
        expiry: Annotated[int | None, Query(ge=1, le=MAX_EXPIRY, description="seconds")] = None,
        force_download: bool = False,
    ) -> Response:
        """A URL from which anybody may fetch the file for a while, straight from the store."""
        signed = await files.presigned_url(file_id, caller=caller, expires_in=expiry, as_attachment=force_download)
        return json_answer({"url": addresses.absolute(signed.url), "expires_in": signed.expires_in})
