"""Answers HTTP requests to the local store's URLs as S3 would; knows no web framework.

A framework's route makes a `StoreRequest`, lets `StoreFront.receive` take a PUT's body chunk by chunk, and sends what
`StoreFront.serve` gives for the others. All of it blocks: on an event loop, call it in threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime

from partway.core.blocking import run_straight
from partway.core.checksums import ChecksumAlgorithm
from partway.core.policy import DEFAULT_CONTENT_TYPE
from partway.core.ports import ObjectStream, StoredObject
from partway.core.ranges import ByteRange, NotSatisfiable, names_etag, requested_range
from partway.errors import PartwayError
from partway.stores.local.receiving import Expected, Receiver
from partway.stores.local.store import BlockingLocalStore
from partway.stores.local.urls import TOKEN_HEADER, Allowed, StoreRequest
from partway.stores.refusals import answer_refusal, object_gone, outside, refused

#: A served file is untrusted: it may not act as a page of the service's origin.
_SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'"
_CHECKSUM_HEADERS = tuple(each.header for each in ChecksumAlgorithm if each is not ChecksumAlgorithm.MD5)
#: As a bucket whose CORS rules let every origin in. No cookies are involved: the URL is the permission.
CORS: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": ", ".join(
        ("ETag", "Content-Range", "Accept-Ranges", "Content-Disposition", "x-amz-request-id", *_CHECKSUM_HEADERS)
    ),
}
_PREFLIGHT = {"Access-Control-Allow-Methods": "GET, HEAD, PUT", "Access-Control-Max-Age": "86400"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAnswer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    stream: ObjectStream | None = None  #: sent instead of the body; close it in every case


def refusal(error: PartwayError) -> StoreAnswer:
    """The answer for an error, as S3 would give it."""
    said = answer_refusal(error)
    return StoreAnswer(status=said.status, headers={**said.headers, **CORS}, body=said.body)


def preflight(request: StoreRequest) -> StoreAnswer:
    """The answer to a browser that asks whether it may send this: it may."""
    asked = request.headers.get("access-control-request-headers", "*")
    return StoreAnswer(status=200, headers={**CORS, **_PREFLIGHT, "Access-Control-Allow-Headers": asked})


class StoreFront:
    """The store's side of its presigned URLs.

    Args:
        store: whose URLs they are.
    """

    def __init__(self, store: BlockingLocalStore) -> None:
        self._store = store

    def receive(self, request: StoreRequest) -> Receiver:
        """Check a PUT before a byte of its body is read, and return what takes the body.

        Raises:
            StoreRefused, UploadGone, StoreUnavailable: answer with `refusal`, and read no more.
        """
        size = _content_length(request)
        allowed = self._store.urls.verify(request)
        if size > self._store.limits.max_part_size:  # also a whole object's: S3 takes no larger PUT
            raise refused("EntityTooLarge", f"One PUT has at most {self._store.limits.max_part_size} bytes.")
        expected = _expected(request, size)
        part = allowed.part
        if part is None:
            return self._store.receive_object(
                allowed.key,
                content_type=request.headers.get("content-type", ""),
                token=request.headers.get(TOKEN_HEADER),
                expected=expected,
            )
        upload_id, number, offset = part
        if not 1 <= number <= self._store.limits.max_parts:
            raise refused("InvalidArgument", f"Parts are numbered from 1 to {self._store.limits.max_parts}.")
        return self._store.receive_part(allowed.key, upload_id, number=number, offset=offset, expected=expected)

    def received(self, request: StoreRequest, etag: str) -> StoreAnswer:
        """The answer to a PUT whose body was taken."""
        sums = {name: request.headers[name] for name in _CHECKSUM_HEADERS if name in request.headers}
        return StoreAnswer(status=200, headers={"ETag": f'"{etag}"', **sums, **CORS})

    def serve(self, request: StoreRequest) -> StoreAnswer:
        """Answer a GET or a HEAD (RFC 9110, sections 13 and 14).

        Raises:
            StoreRefused, ObjectGone, InvalidInput: answer with `refusal`.
        """
        if request.method not in {"GET", "HEAD"}:
            raise refused("MethodNotAllowed")
        allowed = self._verified_download(request)
        stored = run_straight(self._store.head(allowed.key))
        if stored is None:
            raise object_gone()
        if "if-match" in request.headers and not names_etag(request.headers["if-match"], stored.etag):
            raise refused("PreconditionFailed")
        headers = {**_described(stored), **_overrides(allowed), **CORS}
        if headers["Content-Type"] != "application/pdf":  # browsers show no PDF in a sandbox; nosniff keeps it one
            headers["Content-Security-Policy"] = _SANDBOX
        if "if-none-match" in request.headers and names_etag(request.headers["if-none-match"], stored.etag):
            return StoreAnswer(status=304, headers=headers)
        return self._content(request, stored, headers)

    def _verified_download(self, request: StoreRequest) -> Allowed:
        """What is allowed; a URL that was signed for GET is good for HEAD too, which says less."""
        return self._store.urls.verify(replace(request, method="GET"))

    def _content(self, request: StoreRequest, stored: StoredObject, headers: dict[str, str]) -> StoreAnswer:
        wanted = _wanted(request, stored)
        status, length = 200, stored.size
        if wanted is not None:
            status, length = 206, wanted.length
            headers["Content-Range"] = f"bytes {wanted.first}-{wanted.last}/{stored.size}"
        elif stored.checksum is not None:
            algorithm, _, value = stored.checksum.partition(":")
            headers[f"x-amz-checksum-{algorithm}"] = value
        headers["Content-Length"] = str(length)
        if request.method == "HEAD":
            return StoreAnswer(status=status, headers=headers)
        first, last = (wanted.first, wanted.last) if wanted is not None else (0, None)
        stream = run_straight(self._store.read(stored.key, first=first, last=last, if_match=stored.etag))
        return StoreAnswer(status=status, headers=headers, stream=stream)


def _content_length(request: StoreRequest) -> int:
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise refused("MissingContentLength")
    return int(length)


def _expected(request: StoreRequest, size: int) -> Expected:
    """The size and the checksum that the headers name."""
    for algorithm in ChecksumAlgorithm:
        if algorithm.header in request.headers:
            return Expected(size=size, algorithm=algorithm, checksum=request.headers[algorithm.header])
    return Expected(size=size)


def _described(stored: StoredObject) -> dict[str, str]:
    return {
        "ETag": f'"{stored.etag}"',
        "Last-Modified": format_datetime(stored.last_modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": stored.content_type if _fits_header(stored.content_type) else DEFAULT_CONTENT_TYPE,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",  # the URL is the permission: no link in a file may pass it on
        "Cross-Origin-Resource-Policy": "cross-origin",
    }


def _overrides(allowed: Allowed) -> dict[str, str]:
    """Headers that the signed URL sets: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""
    names = {"response-content-type": "Content-Type", "response-content-disposition": "Content-Disposition"}
    found = {header: allowed.parameters[name] for name, header in names.items() if name in allowed.parameters}
    for header, value in found.items():
        if not _fits_header(value):
            raise refused("InvalidArgument", f"The signed {header} is no printable ASCII text.")
    return found


def _fits_header(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _wanted(request: StoreRequest, stored: StoredObject) -> ByteRange | None:
    """The range to send; None: everything."""
    condition = request.headers.get("if-range")
    if condition is not None and not names_etag(condition, stored.etag):
        return None
    try:
        return requested_range(request.headers.get("range"), size=stored.size)
    except NotSatisfiable:
        raise outside(stored.size) from None
