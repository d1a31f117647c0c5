"""How a download is answered: status and headers, by the request's conditions and its range (RFC 9110). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime

from partway.core.disposition import present
from partway.core.file import File
from partway.core.ranges import ByteRange, NotSatisfiable, names_etag, requested_range
from partway.errors import InvalidInput
from partway.wire.problems import MEDIA_TYPE, problem_of

#: What a stored file may do in a browser that is shown it from our origin: nothing.
SANDBOX: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PRIVATE: Mapping[str, str] = {"Cache-Control": "private, no-cache"}


def public_caching(max_age: int) -> Mapping[str, str]:
    """Headers of a file that everybody may have: other sites may show it, too.

    Args:
        max_age: seconds that a cache may answer by itself, also for a file that is public no more.
    """
    return {"Cache-Control": f"public, max-age={max_age}", "Cross-Origin-Resource-Policy": "cross-origin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadAnswer:
    """The head of an answer, and which bytes follow."""

    status: int
    headers: Mapping[str, str]
    first: int = 0  #: offset of the first byte
    last: int | None = None  #: offset of the last byte; None: the file's last
    has_body: bool = False  #: bytes of the file follow
    problem: Mapping[str, object] | None = None  #: the body of an answer that is an error


def download_answer(
    file: File, *, method: str, headers: Mapping[str, str], as_attachment: bool, caching: Mapping[str, str]
) -> DownloadAnswer:
    """Decide how a request for a file's bytes is answered.

    Args:
        file: completed.
        method: GET or HEAD.
        headers: the request's, lower-case names.
        as_attachment: whether it is to be saved, whatever it is.
        caching: headers that say who may keep it.
    """
    if "if-none-match" in headers and names_etag(headers["if-none-match"], file.etag or ""):
        return DownloadAnswer(status=304, headers=_validators(file, caching))
    shown = present(file.name, file.file_content_type, as_attachment=as_attachment)
    whole = {
        **SANDBOX,
        **_validators(file, caching),
        "Content-Type": shown.content_type,
        "Content-Disposition": shown.disposition,
        "Accept-Ranges": "bytes",
    }
    if method == "HEAD":
        return DownloadAnswer(status=200, headers={**whole, "Content-Length": str(file.file_size)})
    try:
        part = requested_range(_range_header(headers, file), size=file.file_size)
    except NotSatisfiable:
        return _not_satisfiable(file)
    if part is None:
        whole["Content-Length"] = str(file.file_size)
        return DownloadAnswer(status=200, headers=whole, has_body=True)
    return _partial(file, part, whole)


def _partial(file: File, part: ByteRange, whole: Mapping[str, str]) -> DownloadAnswer:
    headers = {
        **whole,
        "Content-Length": str(part.length),
        "Content-Range": f"bytes {part.first}-{part.last}/{file.file_size}",
    }
    return DownloadAnswer(status=206, headers=headers, first=part.first, last=part.last, has_body=True)


def _not_satisfiable(file: File) -> DownloadAnswer:
    problem = problem_of(InvalidInput("The range begins behind the file's end.", code="range_not_satisfiable"))
    headers = {**problem.headers, "Content-Type": MEDIA_TYPE, "Content-Range": f"bytes */{file.file_size}"}
    return DownloadAnswer(status=problem.status, headers=headers, problem=problem.body)


def _range_header(headers: Mapping[str, str], file: File) -> str | None:
    """The Range header, unless If-Range says that the client's copy is of another version (RFC 9110, 13.1.5)."""
    condition = headers.get("if-range")
    if condition is None:
        return headers.get("range")
    if condition.startswith(('"', "W/")):
        same = not condition.startswith("W/") and names_etag(condition, file.etag or "")
    else:
        same = _same_moment(condition, file)
    return headers.get("range") if same else None


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
