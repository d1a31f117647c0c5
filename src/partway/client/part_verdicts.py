"""What a store's answer to a part means: sent, again, a fresh URL, look what became of the upload, or refused. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from partway.client.answers import Answer
from partway.client.problems import AGAIN, retry_after, store_words


class Verdict(Enum):
    """What to do after an answer."""

    SENT = auto()
    AGAIN = auto()  #: the same request may work
    FRESH_URL = auto()  #: the URL is too old, or refused for a reason that a new one may not have
    DAMAGED = auto()  #: the store got other bytes than were signed
    GONE = auto()  #: the store does not know the upload
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what stands behind it."""

    verdict: Verdict
    reason: str = ""  #: the store's words
    retry_after: float | None = None  #: seconds that the store asks to wait


_EXPIRED_CODES = frozenset({"ExpiredToken", "RequestExpired", "ExpiredPresignRequest", "TokenRefreshRequired"})
_DAMAGED_CODES = frozenset({"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"})
_PASSING_CODES = frozenset({"RequestTimeout", "IncompleteBody", "SlowDown", "OperationAborted"})


def judge(answer: Answer) -> Judgement:
    """What the store's answer to a PUT means.

    Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; an expired URL is 403 AccessDenied
    with "Request has expired"; 412 answers a conditional PUT whose first try has made the object, which completing
    verifies.
    """
    if 200 <= answer.status < 300 or answer.status == 412:
        return Judgement(Verdict.SENT)
    code, message = store_words(answer)
    reason = f"{answer.status} {code}: {message}".rstrip(": ")
    if code == "NoSuchUpload":
        return Judgement(Verdict.GONE, reason)
    if answer.status == 403 or code in _EXPIRED_CODES:
        return Judgement(Verdict.FRESH_URL, reason)
    if code in _DAMAGED_CODES:
        return Judgement(Verdict.DAMAGED, reason)
    if answer.status in AGAIN or code in _PASSING_CODES:
        return Judgement(Verdict.AGAIN, reason, retry_after(answer))
    return Judgement(Verdict.REFUSED, reason)


def is_expired(judgement: Judgement) -> bool:
    """Whether the URL was refused only for its age; such a part may ask for fresh URLs as often as it takes."""
    reason = judgement.reason.lower()
    return "expired" in reason or any(code.lower() in reason for code in _EXPIRED_CODES)
