"""What S3 says when it refuses: its words, their HTTP statuses and its XML, for stores that answer requests themselves.

Codes and statuses: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape

from partway.errors import InvalidInput, ObjectGone, PartwayError, StoreRefused, StoreUnavailable, UploadGone

#: S3's code → (HTTP status, S3's sentence).
_WORDS: Mapping[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationQueryParametersError": (400, "Error parsing the X-Amz-Credential parameter or its like."),
    "BadDigest": (400, "The checksum you specified did not match what we received."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the size that was signed."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size."),
    "IncompleteBody": (400, "You did not provide the number of bytes specified by the Content-Length header."),
    "InsufficientStorage": (507, "The disk that holds the store is full."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidArgument": (400, "Invalid argument."),
    "InvalidDigest": (400, "The checksum you specified is not valid."),
    "InvalidPart": (400, "One or more of the specified parts could not be found, or has another entity tag."),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order."),
    "InvalidRange": (416, "The requested range is not satisfiable."),
    "KeyTooLongError": (400, "Your key is too long."),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (404, "The specified multipart upload does not exist. It may have been aborted or completed."),
    "OperationAborted": (409, "A newer request for the same part is being received. Please try again."),
    "PreconditionFailed": (412, "At least one of the preconditions you specified did not hold."),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. Send exactly the method, the "
        "headers and the Content-Length that were signed.",
    ),
    "SlowDown": (503, "Please reduce your request rate."),
}


class Refusal(NamedTuple):
    """One refusal as S3 would answer it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def refused(store_code: str, message: str | None = None) -> StoreRefused:
    """The error for one of S3's codes, with S3's sentence unless a better one is given."""
    return StoreRefused(message or _WORDS[store_code][1], store_code=store_code)


def upload_gone() -> UploadGone:
    """The store does not know this upload."""
    return UploadGone(_WORDS["NoSuchUpload"][1], store_code="NoSuchUpload")


def object_gone() -> ObjectGone:
    """The store does not know this object."""
    return ObjectGone(_WORDS["NoSuchKey"][1], store_code="NoSuchKey")


def outside(size: int) -> InvalidInput:
    """A range that lies outside an object of `size` bytes."""
    return InvalidInput(
        f"The range lies outside the object, which has {size} bytes.",
        field="range",
        code="range_not_satisfiable",
        size=size,
    )


def answer_refusal(error: PartwayError) -> Refusal:
    """The answer that S3 would give for an error: its status and its XML."""
    code = store_code_of(error)
    status = _WORDS.get(code, (400, ""))[0]
    request_id = secrets.token_hex(8).upper()
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(error.detail)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id}
    if code == "InvalidRange" and "size" in error.facts:
        headers["Content-Range"] = f"bytes */{error.facts['size']}"
    return Refusal(status, headers, body.encode())


def store_code_of(error: PartwayError) -> str:
    """S3's word for an error."""
    said = error.facts.get("store_code")
    if said is not None:
        return str(said)
    if error.error_code == "range_not_satisfiable":
        return "InvalidRange"
    if isinstance(error, InvalidInput):
        return "InvalidArgument"
    return "SlowDown" if isinstance(error, StoreUnavailable) else "InternalError"
