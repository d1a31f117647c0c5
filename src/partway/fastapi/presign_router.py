"""The stateless API over a `Bucket`: uploads and files by their keys, as docs/presign.md has it."""

# No postponed annotations here: FastAPI reads those of the routes, and they close over the factory's arguments.

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute

from partway.bucket import Bucket, Naming, models
from partway.core.parts import PartsHeld
from partway.errors import PartwayError
from partway.fastapi.addresses import OwnAddresses
from partway.fastapi.answers import json_answer
from partway.fastapi.auth import CallerOf
from partway.fastapi.request_fields import documented_fields, read_fields
from partway.fastapi.routers import PROBLEMS
from partway.wire.answers import signed_part_json, signed_parts_json, time_json

_UPLOADS: list[str | Enum] = ["direct uploads"]
_FILES: list[str | Enum] = ["files by key"]


def presign_router(
    bucket: Bucket,
    *,
    name: str = "",
    caller: CallerOf | None = None,
    prefix: str = "",
    public_url: str | None = None,
    health: bool = True,
) -> APIRouter:
    """The routes of the stateless API, for any FastAPI application.

    They know no owner: whoever may call them may do so for every key below the bucket's prefix. Errors leave the routes
    as `PartwayError`s: `install_problem_handlers` answers them.

    Args:
        bucket: over a store for an event loop.
        name: the bucket's, for answers that say it.
        caller: a dependency that raises `NotAuthenticated` for whom is not to call; None: everybody may.
        prefix: where the routes stand.
        public_url: how clients reach the application, if a proxy does not pass the host on.
        health: also answer `/health`.
    """
    guards = [] if caller is None else [Depends(caller)]
    router = APIRouter(prefix=prefix, responses=PROBLEMS, dependencies=guards)
    addresses = OwnAddresses(prefix=prefix, public_url=public_url)
    _add_multipart_routes(router, bucket, name, addresses)
    _add_single_routes(router, bucket, addresses)
    _add_file_routes(router, bucket, addresses)
    if health:
        _add_health_route(router, bucket, prefix)
    return router


async def _absolute(url: str, request: Request, addresses: OwnAddresses) -> str:
    """A store's URL; one that begins with `/` belongs to our own origin."""
    return (await addresses(request)).absolute(url) if url.startswith("/") else url


def _add_multipart_routes(router: APIRouter, bucket: Bucket, name: str, addresses: OwnAddresses) -> None:
    @router.post(
        "/upload/initiate",
        response_model=models.InitiateUploadResponse,
        tags=_UPLOADS,
        openapi_extra=documented_fields(models.InitiateUploadRequest),
    )
    async def initiate(request: Request) -> Response:
        """Begin a multipart upload. The fields may come as JSON or in the query."""
        asked = await read_fields(request, models.InitiateUploadRequest)
        begun = await bucket.initiate(
            asked.filename, asked.file_size, content_type=asked.content_type or "", metadata=asked.metadata
        )
        return json_answer(
            {
                "upload_id": begun.upload_id,
                "key": begun.key,
                "bucket": name,
                "parts_count": begun.plan.num_parts,
                "part_size": begun.plan.part_size,
            }
        )

    @router.post(
        "/upload/presigned-url",
        response_model=models.PresignedUrlResponse | models.PresignedUrlsAnswer,
        tags=_UPLOADS,
        openapi_extra=documented_fields(models.PresignedUrlRequest),
    )
    async def presigned_url(request: Request) -> Response:
        """Where one part goes (`part_number`), or many (`part_numbers`)."""
        asked = await read_fields(request, models.PresignedUrlRequest)
        signed = await bucket.sign_parts(asked.upload_id, asked.key, asked.wanted())
        answer = signed_parts_json(signed, await addresses(request))
        if asked.part_numbers is None:
            return json_answer({**signed_part_json(answer["presigned_urls"][0]), "expires_in": signed.expires_in})
        return json_answer(answer)

    @router.api_route(
        "/upload/list-parts",
        methods=["GET", "POST"],
        response_model=models.PartsAnswer,
        tags=_UPLOADS,
        openapi_extra=documented_fields(models.UploadRequest),
    )
    async def list_parts(request: Request) -> Response:
        """What the store holds of an upload, and what is missing."""
        asked = await read_fields(request, models.UploadRequest)
        return json_answer(_held_json(await bucket.list_parts(asked.upload_id, asked.key)))

    @router.post(
        "/upload/complete",
        response_model=models.CompleteUploadResponse,
        tags=_UPLOADS,
        openapi_extra=documented_fields(models.CompleteUploadRequest),
    )
    async def complete(request: Request) -> Response:
        """Join the parts into the file. Twice gives the same answer. The body may be the list of parts alone."""
        asked = await read_fields(request, models.CompleteUploadRequest, list_is="parts")
        stored = await bucket.complete(asked.upload_id, asked.key, asked.claims())
        location = await _absolute(bucket.object_url(stored.key), request, addresses)
        return json_answer(
            {
                "success": True,
                "location": location,
                "key": stored.key,
                "bucket": name,
                "etag": stored.etag,
                "size": stored.size,
            }
        )

    @router.post(
        "/upload/abort",
        response_model=models.AbortAnswer,
        tags=_UPLOADS,
        openapi_extra=documented_fields(models.UploadRequest),
    )
    async def abort(request: Request) -> Response:
        """Give an upload up and drop its parts."""
        asked = await read_fields(request, models.UploadRequest)
        await bucket.abort(asked.upload_id, asked.key)
        return json_answer({"success": True, "upload_id": asked.upload_id, "key": asked.key})


def _add_single_routes(router: APIRouter, bucket: Bucket, addresses: OwnAddresses) -> None:
    fields = documented_fields(models.UploadUrlRequest)

    async def sign(request: Request, naming: Naming, url_name: str, key_name: str) -> Response:
        asked = await read_fields(request, models.UploadUrlRequest)
        signed = await bucket.sign_upload(
            asked.filename,
            content_type=asked.content_type or "",
            file_size=asked.file_size,
            once=asked.once,
            naming=naming,
        )
        url = await _absolute(signed.url, request, addresses)
        return json_answer(
            {url_name: url, "expires_in": signed.expires_in, key_name: signed.key, "headers": signed.headers}
        )

    @router.post("/upload-url", response_model=models.PresignedPutAnswer, tags=_UPLOADS, openapi_extra=fields)
    async def upload_url(request: Request) -> Response:
        """Where one file goes: PUT with all `headers`."""
        return await sign(request, Naming.JOINED, "presigned_url", "file_key")

    @router.post("/generate-upload-url", response_model=models.UploadUrlAnswer, tags=_UPLOADS, openapi_extra=fields)
    async def generate_upload_url(request: Request) -> Response:
        """The same with other names: `upload_url` and `file_path`."""
        return await sign(request, Naming.FOLDER, "upload_url", "file_path")

    @router.post(
        "/upload-form",
        response_model=models.FormAnswer,
        tags=_UPLOADS,
        openapi_extra=documented_fields(models.UploadFormRequest),
    )
    async def upload_form(request: Request) -> Response:
        """What a plain HTML form needs; the store takes no more bytes than are allowed."""
        asked = await read_fields(request, models.UploadFormRequest)
        signed = await bucket.sign_form(asked.filename, content_type=asked.content_type or "")
        return json_answer(
            {
                "url": signed.form.url,
                "fields": signed.form.fields,
                "expires_in": signed.form.expires_in,
                "file_key": signed.key,
            }
        )

    @router.post(
        "/download-url",
        response_model=models.PresignedPutAnswer,
        tags=_FILES,
        openapi_extra=documented_fields(models.DownloadUrlRequest),
    )
    async def download_url(request: Request) -> Response:
        """Where a file that is there can be fetched."""
        asked = await read_fields(request, models.DownloadUrlRequest)
        signed = await bucket.sign_download(asked.file_key)
        url = await _absolute(signed.url, request, addresses)
        return json_answer(
            {"presigned_url": url, "expires_in": signed.expires_in, "file_key": asked.file_key, "headers": {}}
        )


def _add_file_routes(router: APIRouter, bucket: Bucket, addresses: OwnAddresses) -> None:
    @router.get("/files", response_model=models.FilesAnswer, tags=_FILES)
    async def files(
        prefix: str | None = None,
        max_keys: Annotated[int, Query(ge=1, le=1000)] = 100,
        page: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> Response:
        """One page of the files in the store's order. Go on with `next_cursor`; `page` counts from 1."""
        if page is not None and cursor is None:
            counted = await bucket.numbered_page(prefix=prefix, page=page, page_size=max_keys)
            objects, following = counted.objects, counted.next
        else:
            found = await bucket.page(prefix=prefix, page_size=max_keys, cursor=cursor)
            objects, following = tuple(found.objects), found.next
        rows = [
            {"key": each.key, "size": each.size, "last_modified": time_json(each.last_modified), "etag": each.etag}
            for each in objects
        ]
        return json_answer({"files": rows, "count": len(rows), "next_cursor": following})

    @router.get("/files/{file_key:path}", status_code=307, response_class=Response, tags=_FILES)
    async def download(file_key: str, request: Request, as_attachment: bool = False) -> Response:
        """Fetch a private file: by redirect to a URL that lives for a while."""
        signed = await bucket.sign_download(file_key, as_attachment=as_attachment)
        url = await _absolute(signed.url, request, addresses)
        return Response(status_code=307, headers={"Location": url, "Cache-Control": "no-store"})

    @router.delete("/files/{file_key:path}", response_model=models.DeletedAnswer, tags=_FILES)
    async def delete(file_key: str) -> Response:
        """Delete a file that is there."""
        await bucket.delete(file_key)
        return json_answer({"message": f"File {file_key} deleted successfully", "file_key": file_key})


def _add_health_route(router: APIRouter, bucket: Bucket, prefix: str) -> None:
    async def health() -> Response:
        """Whether the store answers and takes our credentials: it is asked."""
        now = time_json(datetime.now(UTC))
        try:
            await bucket.check()
        except PartwayError as error:
            said = {"s3_connection": error.error_code, "detail": error.detail}
            return json_answer({"status": "unhealthy", **said, "timestamp": now}, status=503)
        return json_answer({"status": "healthy", "s3_connection": "ok", "timestamp": now})

    # Past the router's own verbs, which would ask for a caller here too. A router around this one would ask nobody
    # either, but FastAPI looks for a route once more at every level.
    router.routes.append(
        APIRoute(
            f"{prefix}/health",
            health,
            methods=["GET"],
            tags=["health"],
            responses={503: {"description": "the store is not available"}},
        )
    )


def _held_json(held: PartsHeld) -> dict[str, Any]:
    parts: Sequence[dict[str, Any]] = [
        {"PartNumber": part.part_number, "ETag": part.etag, "Size": part.size} for part in held.parts
    ]
    return {"parts": parts, "missing": held.missing, "uploaded_size": held.size}
