"""How far an upload has come, by its client's reports or by what the store holds."""

from __future__ import annotations

from collections.abc import Sequence

from partway.core.events import Progress
from partway.core.file import File, UploadStatus
from partway.core.parts import PartsHeld, StoredPart


def reported_progress(file: File, reported: Sequence[StoredPart]) -> Progress:
    """What the client says; of a complete file all is there, whatever was said."""
    if file.upload_status is UploadStatus.COMPLETED:
        return _progress(file, parts=file.num_parts, size=file.file_size)
    return _progress(file, parts=len(reported), size=sum(file.plan.size_of(part.part_number) for part in reported))


def held_progress(file: File, held: PartsHeld) -> Progress:
    """What the store says."""
    return _progress(file, parts=len(held.parts), size=held.size)


def _progress(file: File, *, parts: int, size: int) -> Progress:
    return Progress(
        file_id=file.id,
        owner=file.created_by,
        uploaded_parts=parts,
        num_parts=file.num_parts,
        uploaded_size=size,
        file_size=file.file_size,
    )
