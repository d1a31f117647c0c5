"""Turns a store's error answers into our errors: the one door for them."""

from __future__ import annotations

import re

from partway.errors import InvalidInput, ObjectGone, PartwayError, StoreRefused, StoreUnavailable, UploadGone
from partway.s3.xml import parse

#: Codes that a store gives when the same request may well succeed a moment later.
TRANSIENT_CODES = frozenset(
    {"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling"}
)
_TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})

_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_START = 200  #: bytes of a body, behind white space, in which an error's document begins

_WRONG_REGION = "The bucket is in another region; check S3_REGION and S3_ENDPOINT_URL."
_WRONG_KMS_KEY = "The store cannot encrypt with this key; check S3_SSE_KMS_KEY_ID."
_WHAT_TO_DO = {
    "AccessDenied": "The store's credentials do not allow this; check their policy.",
    "AuthorizationHeaderMalformed": _WRONG_REGION,
    "BadDigest": "A checksum is not that of the bytes.",
    "EntityTooSmall": "A part that is not the last is smaller than the store takes.",
    "EntityTooLarge": "The object or the part is larger than the store takes.",
    "ExpiredToken": "The store's temporary credentials have expired; renew them.",
    "InvalidAccessKeyId": "The store does not know the access key; check AWS_ACCESS_KEY_ID.",
    "InvalidObjectState": "The object lies in an archive; restore it in the store before it is read.",
    "InvalidPart": "A part is not there any more, or has other bytes.",
    "InvalidPartOrder": "The parts are not in the order of their numbers.",
    "InvalidStorageClass": "The store does not know this storage class; check S3_STORAGE_CLASS.",
    "InvalidTag": "The store does not take these tags; check S3_OBJECT_TAGS.",
    "KMS.DisabledException": _WRONG_KMS_KEY,
    "KMS.InvalidStateException": _WRONG_KMS_KEY,
    "KMS.NotFoundException": _WRONG_KMS_KEY,
    "KeyTooLongError": "The key, or one of its segments, is longer than the store takes.",
    "NoSuchBucket": "There is no such bucket; check S3_BUCKET_NAME.",
    "PermanentRedirect": _WRONG_REGION,
    "PreconditionFailed": "The object is not the expected one.",
    "RequestTimeTooSkewed": "This machine's clock and the store's differ by more than 15 minutes; set the clock.",
    "SignatureDoesNotMatch": "The store does not take our signature; check AWS_SECRET_ACCESS_KEY and S3_REGION.",
    "TemporaryRedirect": _WRONG_REGION,
}
# What HEAD, whose answers have no body, and what stands between us and the store can mean.
_CODES_BY_STATUS = {
    301: "PermanentRedirect",
    307: "TemporaryRedirect",
    403: "AccessDenied",
    404: "NoSuchKey",
    412: "PreconditionFailed",
    416: "InvalidRange",
}


def is_transient(status: int, body: bytes) -> bool:
    """Whether the same request may succeed a moment later."""
    if status in _TRANSIENT_STATUSES:
        return True
    return _may_be_error(status, body) and error_code(status, body) in TRANSIENT_CODES


def raise_for(status: int, body: bytes) -> None:
    """Raise the error that an answer is; a `200` whose body is an `<Error>` is one too.

    CompleteMultipartUpload and CopyObject answer so when they fail half-way:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html

    Raises:
        UploadGone, ObjectGone, StoreRefused, StoreUnavailable, InvalidInput.
    """
    if _may_be_error(status, body):
        code = error_code(status, body)
        if code or status >= 300:
            raise _error(status, code)


def error_code(status: int, body: bytes) -> str:
    """The store's own word for what went wrong; empty if the body is no error."""
    if not _has_error(body):
        return _CODES_BY_STATUS.get(status, "") if status >= 300 else ""
    try:
        document = parse(body)
    except StoreRefused:
        return ""
    code = document.text("Code") or "" if document.name == "Error" else ""
    return code if _CODE.fullmatch(code) else ""


def _may_be_error(status: int, body: bytes) -> bool:
    return status >= 300 or _has_error(body)


def _has_error(body: bytes) -> bool:
    """S3 keeps a long request alive by white space, minutes of it, before it says how it ended."""
    return b"<Error" in body.lstrip()[:_START]


def _error(status: int, code: str) -> PartwayError:
    if code == "NoSuchUpload":
        return UploadGone("The store does not know this upload: it was completed or aborted.")
    if code == "NoSuchKey":
        return ObjectGone("The store does not hold this object.")
    if code == "InvalidRange":
        return InvalidInput("The range lies outside the object.", code="range_not_satisfiable", field="range")
    if status in _TRANSIENT_STATUSES or code in TRANSIENT_CODES:
        return StoreUnavailable("The store is overloaded or failing; try again in a moment.", store_code=code or None)
    detail = _WHAT_TO_DO.get(code, f"The store refused the request ({code or status}).")
    return StoreRefused(detail, store_code=code or str(status))
