"""Errors on the wire: RFC 9457 problem+json, and the one table from error to HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from partway import errors

MEDIA_TYPE = "application/problem+json"

#: The nearest class in an error's ancestry decides.
_STATUS_BY_CLASS: dict[type[errors.PartwayError], int] = {
    errors.InvalidInput: 422,
    errors.PolicyRefused: 422,
    errors.NotAuthenticated: 401,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.QuotaExceeded: 413,
    errors.RateLimited: 429,
    errors.Refused: 403,
    errors.UploadGone: 410,
    errors.ObjectGone: 410,
    errors.StoreRefused: 502,
    errors.StoreUnavailable: 503,
    errors.RecordsUnavailable: 503,
    errors.Misconfigured: 503,
    errors.StoreError: 502,
    errors.PartwayError: 500,
}

#: Codes whose status is not their class's.
_STATUS_BY_CODE = {
    "malformed_body": 400,
    "method_not_allowed": 405,
    "length_required": 411,
    "body_too_large": 413,
    "file_too_large": 413,
    "unsupported_media_type": 415,
    "range_not_satisfiable": 416,
    "not_supported": 422,
    "too_many_uploads": 429,
}

#: Status → what it says, for the API's reference.
MEANINGS: Mapping[int, str] = {
    400: "the body is malformed",
    401: "no valid token",
    403: "the application refuses it",
    404: "no such file for this caller",
    409: "the file's state does not allow it",
    410: "the store has lost it",
    413: "too large, or more than the caller may use",
    422: "a value is not taken",
    429: "too many requests, or open uploads",
    502: "the store refuses",
    503: "the store or the database is not available",
}

_DEFAULT_RETRY_AFTER = 5  #: seconds


class Problem(NamedTuple):
    """One error, ready to send as `application/problem+json`."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


#: An error that speaks for another one (its class is not in the table, its code is).
_STATUS_OF_CLASS_CODES = {kind.code: status for kind, status in _STATUS_BY_CLASS.items()}


def status_of(error: errors.PartwayError) -> int:
    """The HTTP status of an error: its code's, or its class's."""
    for table in (_STATUS_BY_CODE, _STATUS_OF_CLASS_CODES):
        if error.error_code in table:
            return table[error.error_code]
    return next(_STATUS_BY_CLASS[kind] for kind in type(error).__mro__ if kind in _STATUS_BY_CLASS)


def problem_of(error: errors.PartwayError) -> Problem:
    """An error as clients see it. Facts that are None are left out."""
    status = status_of(error)
    facts = {name: value for name, value in error.facts.items() if value is not None}
    headers = {}
    if status in {429, 503}:
        headers["Retry-After"] = str(int(facts.pop("retry_after", None) or _DEFAULT_RETRY_AFTER))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = {
        "type": f"urn:partway:error:{error.error_code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": error.error_code,
        "detail": error.detail,
        **facts,
    }
    return Problem(status, body, headers)
