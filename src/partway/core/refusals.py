"""Refusals that more than one story gives, in the same words."""

from __future__ import annotations

from partway.core.file import OBJECT_MISSING, File, UploadStatus
from partway.core.parts import PartsHeld
from partway.errors import Conflict, NotFound, PartsDisagree, PartsMissing

_STANDS = {
    UploadStatus.PENDING: "The upload has not been opened at the store; begin it again with the same Idempotency-Key.",
    UploadStatus.UPLOADING: "The upload is still open; send what is missing and complete it.",
    UploadStatus.COMPLETING: "The upload is being completed; ask for its state in a moment.",
    UploadStatus.COMPLETED: "The upload is complete.",
    UploadStatus.ABORTED: "The upload was aborted; begin a new one.",
    UploadStatus.FAILED: "The upload did not pass verification; begin a new one.",
}
_LOST = "The store has lost this file; upload it anew."


def no_such_file() -> NotFound:
    """The one error for an unknown id and for another owner's."""
    return NotFound("There is no such file. Check the id, and that the token is its owner's.")


def no_such_public_file() -> NotFound:
    """The one error for a public address behind which there is nothing for everybody."""
    return NotFound("There is no such public file. Check the address, and that its owner has made it public.")


def wrong_state(file: File) -> Conflict:
    """The file's state does not allow the request; the code names the state (`upload_completed`, …)."""
    stands = _LOST if file.failure == OBJECT_MISSING else _STANDS[file.upload_status]
    return Conflict(stands, code=f"upload_{file.upload_status}", failure=file.failure)


def key_taken() -> Conflict:
    """Another record has this key."""
    return Conflict("Another file has this key; begin the upload again.", code="key_taken")


def require_right(held: PartsHeld) -> None:
    """Raise unless the store holds every planned part as planned and as the client claims.

    Raises:
        PartsDisagree: ETags or checksums differ (fact `parts`).
        PartsMissing: parts are not there (fact `missing`), or more are there than were planned (`unplanned`).
    """
    if held.disagreeing:
        raise PartsDisagree(
            "The store holds other bytes for some parts than these ETags say. Send those parts again, or complete "
            "without ETags if what the store holds is right.",
            parts=list(held.disagreeing),
        )
    if held.missing or held.unplanned:
        raise PartsMissing(
            f"{len(held.missing)} parts are not at the store in their planned size. Send them, then complete again."
            if held.missing
            else "The store holds parts outside the plan; begin a new upload.",
            missing=list(held.missing),
            unplanned=list(held.unplanned),
        )
