"""What the service's and the store's refusals mean to a client: problem+json and S3's XML as errors of ours."""

from __future__ import annotations

import re
from typing import Any

from partway import errors
from partway.client.answers import Answer

_BY_CODE: dict[str, type[errors.PartwayError]] = {
    "parts_missing": errors.PartsMissing,
    "parts_disagree": errors.PartsDisagree,
    "records_unavailable": errors.RecordsUnavailable,
    "file_too_large": errors.PolicyRefused,
    "extension_not_allowed": errors.PolicyRefused,
    "content_type_not_allowed": errors.PolicyRefused,
    "upload_gone": errors.UploadGone,
    "object_gone": errors.ObjectGone,
}
_BY_STATUS: dict[int, type[errors.PartwayError]] = {
    400: errors.InvalidInput,
    401: errors.NotAuthenticated,
    403: errors.NotAuthenticated,
    404: errors.NotFound,
    409: errors.Conflict,
    410: errors.UploadGone,
    413: errors.PolicyRefused,
    422: errors.InvalidInput,
    429: errors.StoreUnavailable,
    502: errors.StoreRefused,
    503: errors.StoreUnavailable,
    504: errors.StoreUnavailable,
}
#: In an answer of our own, 403 is the application's word on one file; in anybody else's it is about who we are.
_OF_OURS: dict[int, type[errors.PartwayError]] = {**_BY_STATUS, 403: errors.Refused}
#: Statuses after which the same request may work.
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})

_CODE = re.compile(r"<Code>([A-Za-z0-9._-]{1,100})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,1000})</Message>")
_MEMBERS = frozenset({"type", "title", "status", "code", "detail"})


def error_of(answer: Answer, *, url: str) -> errors.PartwayError:
    """The error that an answer of the API stands for.

    Args:
        answer: with a status of 300 or more.
        url: that was asked, for answers that are not from a Partway service.
    """
    problem = answer.json()
    if isinstance(problem, dict) and isinstance(problem.get("code"), str):
        return error_of_problem({"status": answer.status, **problem})
    kind = _BY_STATUS.get(answer.status, errors.PartwayError)
    where = f" It points to {answer.headers['location'][:200]}." if "location" in answer.headers else ""
    code = kind.code if kind is not errors.PartwayError else "unexpected_answer"
    return kind(
        f"{url} answered {answer.status}, which is not an answer of a Partway service.{where} Check the server's URL.",
        code=code,
        status=answer.status,
    )


def error_of_problem(problem: dict[str, Any]) -> errors.PartwayError:
    """The error of a problem object (RFC 9457) with a `code` of ours."""
    code, detail = str(problem["code"]), str(problem.get("detail") or problem.get("title") or problem["code"])
    status = problem.get("status")
    kind = _BY_CODE.get(code) or _OF_OURS.get(status if isinstance(status, int) else 0, errors.PartwayError)
    facts = {name: value for name, value in problem.items() if name not in _MEMBERS and name.isidentifier()}
    return kind(detail, code=code, **facts)


def is_final(answer: Answer) -> bool:
    """Whether an answer of the API will not change by asking again: 502 is, if the service itself says it."""
    if answer.status not in AGAIN:
        return True
    problem = answer.json() if answer.status in {500, 502} else None
    return isinstance(problem, dict) and problem.get("code") == "store_refused"


def store_words(answer: Answer) -> tuple[str, str]:
    """The code and the message of a store's XML error; empty if there are none."""
    text = answer.body[:4096].decode("utf-8", "replace")
    code, message = _CODE.search(text), _MESSAGE.search(text)
    return code[1] if code else "", message[1] if message else ""


def retry_after(answer: Answer) -> float | None:
    """Seconds that the answer asks to wait; None if it names none (dates are not read)."""
    value = answer.headers.get("retry-after", "").strip()
    return float(value) if value.isascii() and value.isdecimal() and len(value) < 6 else None
