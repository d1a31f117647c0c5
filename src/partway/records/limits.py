"""What databases say when a file does not fit its owner's limits, in words and states that triggers and doors share."""

from __future__ import annotations

from collections.abc import Mapping

from partway.errors import QuotaExceeded

OVER_BYTES = "partway_quota_bytes"  #: the owner's files would be larger than `File.quota_bytes`
OVER_UPLOADS = "partway_quota_uploads"  #: the owner would have more open uploads than `File.quota_uploads`
OVER_STATE = "PWQ01"  #: SQLSTATE of both, of a class that nobody else uses

#: A trigger's words → code and detail.
OVER: Mapping[str, tuple[str, str]] = {
    OVER_BYTES: (
        "quota_exceeded",
        "The file does not fit into what you may use. Delete files for good, or abort uploads, and begin again.",
    ),
    OVER_UPLOADS: (
        "too_many_uploads",
        "You have as many open uploads as you may have. Complete or abort one, and begin again.",
    ),
}


def over_limit(words: str) -> QuotaExceeded:
    """The error that a trigger's words stand for. Facts are the story's: `partway.core.limits`."""
    code, detail = OVER[words]
    return QuotaExceeded(detail, code=code)
