"""Refusals that more than one story gives, in the same words."""

from __future__ import annotations

from partway.core.file import File, UploadStatus
from partway.errors import Conflict, NotFound

_STANDS = {
    UploadStatus.PENDING: "The upload has not been opened at the store; begin it again with the same Idempotency-Key.",
    UploadStatus.UPLOADING: "The upload is still open; send what is missing and complete it.",
    UploadStatus.COMPLETING: "The upload is being completed; ask for its state in a moment.",
    UploadStatus.COMPLETED: "The upload is complete.",
    UploadStatus.ABORTED: "The upload was aborted; begin a new one.",
    UploadStatus.FAILED: "The upload did not pass verification; begin a new one.",
}


def no_such_file() -> NotFound:
    """The one error for an unknown id and for another owner's."""
    return NotFound("There is no such file. Check the id, and that the token is its owner's.")


def wrong_state(file: File) -> Conflict:
    """The file's state does not allow the request; the code names the state (`upload_completed`, …)."""
    return Conflict(_STANDS[file.upload_status], code=f"upload_{file.upload_status}", failure=file.failure)
