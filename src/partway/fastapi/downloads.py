"""Downloads through the service: streamed in flat memory with Range, or by redirect to the store."""

# No postponed annotations here: FastAPI reads those of the route, and they close over the factory's dependency.

from collections.abc import Mapping
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from partway.core.disposition import Presentation, present
from partway.core.file import Caller, File
from partway.core.files import Download, Files
from partway.core.ranges import ByteRange, NotSatisfiable, names_etag, requested_range
from partway.core.refusals import no_such_public_file
from partway.errors import InvalidInput, ObjectGone
from partway.fastapi.addresses import OwnAddresses
from partway.fastapi.answers import problem_answer
from partway.fastapi.auth import CallerOf
from partway.wire.answers import Addresses

#: What a stored file may do in a browser that is shown it from our origin: nothing.
SANDBOX: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "the file's bytes", "content": {"application/octet-stream": {}}},
    206: {"description": "a range of them"},
    304: {"description": "not changed"},
    416: {"description": "the range begins behind the file's end"},
}
_REDIRECT: dict[int | str, dict[str, Any]] = {307: {"description": "to a presigned URL"}}
_PRIVATE: Mapping[str, str] = {"Cache-Control": "private, no-cache"}


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
        return await _answer(request, files, file, as_attachment=as_attachment, caching=_PRIVATE)


def add_public_route(router: APIRouter, files: Files, *, max_age: int) -> None:
    """Add `/files/{file_id}/public` for GET and HEAD: no token, and caches may keep it.

    Args:
        max_age: seconds that a cache may answer by itself, also for a file that is public no more.
    """
    # Other sites may show what is everybody's.
    caching = {"Cache-Control": f"public, max-age={max_age}", "Cross-Origin-Resource-Policy": "cross-origin"}

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
    wanted = request.headers
    if "if-none-match" in wanted and names_etag(wanted["if-none-match"], file.etag or ""):
        return Response(status_code=304, headers=_validators(file, caching))
    if request.method == "HEAD":
        return _head(file, as_attachment=as_attachment, caching=caching)
    try:
        part = requested_range(_range_header(request, file), size=file.file_size)
    except NotSatisfiable:
        error = InvalidInput("The range begins behind the file's end.", code="range_not_satisfiable")
        return problem_answer(error, headers={"Content-Range": f"bytes */{file.file_size}"})
    return await _stream(files, file, part, as_attachment=as_attachment, caching=caching)


async def _stream(
    files: Files, file: File, part: ByteRange | None, *, as_attachment: bool, caching: Mapping[str, str]
) -> Response:
    first, last = (part.first, part.last) if part else (0, None)
    download = await files.download(file, first=first, last=last, as_attachment=as_attachment)
    headers = _headers(file, download.presentation, caching)
    headers["Content-Length"] = str(download.stream.length)
    if part is None:
        return DownloadResponse(download, status=200, headers=headers)
    headers["Content-Range"] = f"bytes {part.first}-{part.last}/{file.file_size}"
    return DownloadResponse(download, status=206, headers=headers)


def _head(file: File, *, as_attachment: bool, caching: Mapping[str, str]) -> Response:
    shown = present(file.name, file.file_content_type, as_attachment=as_attachment)
    headers = _headers(file, shown, caching)
    headers["Content-Length"] = str(file.file_size)
    return Response(headers=headers)


def _range_header(request: Request, file: File) -> str | None:
    """The Range header, unless If-Range says that the client's copy is of another version (RFC 9110, 13.1.5)."""
    condition = request.headers.get("if-range")
    if condition is None:
        return request.headers.get("range")
    if condition.startswith(('"', "W/")):
        same = not condition.startswith("W/") and names_etag(condition, file.etag or "")
    else:
        same = _same_moment(condition, file)
    return request.headers.get("range") if same else None


def _same_moment(condition: str, file: File) -> bool:
    try:
        return file.completed is not None and parsedate_to_datetime(condition) == file.completed.replace(microsecond=0)
    except (TypeError, ValueError):
        return False


def _validators(file: File, caching: Mapping[str, str]) -> dict[str, str]:
    validators = {**caching, "ETag": f'"{file.etag}"'}
    if file.completed is not None:
        validators["Last-Modified"] = format_datetime(file.completed.replace(microsecond=0), usegmt=True)
    return validators


def _headers(file: File, shown: Presentation, caching: Mapping[str, str]) -> dict[str, str]:
    return {
        **SANDBOX,
        **_validators(file, caching),
        "Content-Type": shown.content_type,
        "Content-Disposition": shown.disposition,
        "Accept-Ranges": "bytes",
    }
