"""Signals for the project's own code. Each is sent after the commit of what it tells of, with `file`: the row.

Receivers get it at most once: a process that is killed in between sends nothing. What one raises is logged.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.dispatch import Signal

from partway.core.events import Progress
from partway.core.file import File, UploadStatus
from partway.core.progress import reported_progress
from partway.django import models

upload_initiated = Signal()  #: a record was made
upload_completed = Signal()  #: the object is there and was verified
upload_aborted = Signal()  #: given up by its owner or by its deadline
upload_failed = Signal()  #: did not pass verification; `file.failure` says why
file_deleted = Signal()  #: put into the trash
file_restored = Signal()  #: taken out of the trash
#: Its client said which parts it has sent, or the file is complete. Also sent with `uploaded_parts`, `total_parts`,
#: `uploaded_size` and `file_size`; both sizes are in bytes.
parts_reported = Signal()

_BY_STATUS = {
    UploadStatus.COMPLETED: upload_completed,
    UploadStatus.ABORTED: upload_aborted,
    UploadStatus.FAILED: upload_failed,
}


def tell(before: File | None, after: File, *, using: str) -> None:
    """Send what a change means, once it is committed.

    Args:
        before: the record as it was; None: it is new.
        after: the record as it is.
        using: the alias of its database.
    """
    signals = _signals(before, after)
    for signal in signals:
        _send(signal, after.id, using=using)
    if upload_completed in signals:
        ProgressSignals(using=using).tell(reported_progress(after, []))


class ProgressSignals:
    """Tells of progress by the signal `parts_reported`, once what it tells of is committed.

    Args:
        using: the alias of the files' database.
    """

    def __init__(self, *, using: str) -> None:
        self._using = using

    def tell(self, news: Progress | None = None) -> None:
        """See `core.events.Teller`."""
        if news is not None:
            facts = {"uploaded_parts": news.uploaded_parts, "total_parts": news.num_parts}
            facts |= {"uploaded_size": news.uploaded_size, "file_size": news.file_size}
            _send(parts_reported, news.file_id, using=self._using, **facts)


def _signals(before: File | None, after: File) -> list[Signal]:
    if before is None:
        return [upload_initiated]
    found = []
    if before.upload_status is not after.upload_status and after.upload_status in _BY_STATUS:
        found.append(_BY_STATUS[after.upload_status])
    if (before.deleted is None) != (after.deleted is None):
        found.append(file_restored if after.deleted is None else file_deleted)
    return found


def _send(signal: Signal, file_id: UUID, *, using: str, **facts: int) -> None:
    """Send a signal after the commit. What a receiver raises is logged, and keeps nothing from the others."""
    if not signal.has_listeners(models.File):
        return

    def send() -> None:
        row = models.File.everything.using(using).filter(pk=file_id).first()
        if row is not None:
            signal.send_robust(models.File, file=row, **facts)

    transaction.on_commit(send, using=using, robust=True)
