"""Downloads through the service: streamed in flat memory with Range, or by redirect to the store."""

# No postponed annotations here: FastAPI reads those of the route, and they close over the factory's dependency.

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from partway.core.file import Caller, File
from partway.core.files import Download, Files
from partway.core.refusals import no_such_public_file
from partway.errors import ObjectGone
from partway.fastapi.addresses import OwnAddresses
from partway.fastapi.auth import CallerOf
from partway.wire import schemas
from partway.wire.answers import Addresses
from partway.wire.downloads import PRIVATE, download_answer, public_caching

_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"description": meaning} for status, meaning in schemas.BYTES_MEANINGS.items()
}
_ANSWERS[200]["content"] = {schemas.BYTES_TYPE: {}}
_REDIRECT: dict[int | str, dict[str, Any]] = {307: {"description": schemas.REDIRECT_MEANING}}


class DownloadResponse(StreamingResponse):
    """Streams a download, and gives the store's connection back however it ends."""

    def __init__(self, download: Download, *, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(download.stream.chunks, status_code=status, headers=headers)
        self._stream = download.stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stream.aclose()


def add_download_route(router: APIRouter, files: Files, caller_of: CallerOf, addresses_of: OwnAddresses) -> None:
    """Add `/files/{file_id}/download` for GET and HEAD."""

    @router.get("/files/{file_id}/download", response_class=Response, responses=_ANSWERS | _REDIRECT, tags=["files"])
    @router.head("/files/{file_id}/download", include_in_schema=False)
    async def download(
        request: Request,
        file_id: UUID,
        caller: Annotated[Caller, Depends(caller_of)],
        addresses: Annotated[Addresses, Depends(addresses_of)],
        redirect: bool = False,
        as_attachment: bool = False,
    ) -> Response:
        """The file's bytes, with Range and conditional requests; or a redirect to where the store has them."""
        if redirect and request.method == "GET":  # the URL is signed for GET alone: HEAD is answered here
            signed = await files.presigned_url(file_id, caller=caller, as_attachment=as_attachment)
            location = addresses.absolute(signed.url)
            return Response(status_code=307, headers={"Location": location, "Cache-Control": "private, no-store"})
        file = await files.finished(file_id, caller=caller)
        return await _answer(request, files, file, as_attachment=as_attachment, caching=PRIVATE)


def add_public_route(router: APIRouter, files: Files, *, max_age: int) -> None:
    """Add `/files/{file_id}/public` for GET and HEAD: no token, and caches may keep it.

    Args:
        max_age: seconds that a cache may answer by itself, also for a file that is public no more.
    """
    caching = public_caching(max_age)

    @router.get("/files/{file_id}/public", response_class=Response, responses=_ANSWERS, tags=["files"])
    @router.head("/files/{file_id}/public", include_in_schema=False)
    async def public(request: Request, file_id: UUID, as_attachment: bool = False) -> Response:
        """A public file's bytes for everybody, with Range and conditional requests."""
        file = await files.public(file_id)
        try:
            if request.method == "HEAD":
                await files.stored(file)
            return await _answer(request, files, file, as_attachment=as_attachment, caching=caching)
        except ObjectGone as error:
            raise no_such_public_file() from error


async def _answer(
    request: Request, files: Files, file: File, *, as_attachment: bool, caching: Mapping[str, str]
) -> Response:
    answer = download_answer(
        file, method=request.method, headers=request.headers, as_attachment=as_attachment, caching=caching
    )
    if answer.has_body:
        download = await files.download(file, first=answer.first, last=answer.last, as_attachment=as_attachment)
        return DownloadResponse(download, status=answer.status, headers=answer.headers)
    content = None if answer.problem is None else orjson.dumps(answer.problem)
    return Response(content, status_code=answer.status, headers=dict(answer.headers))
