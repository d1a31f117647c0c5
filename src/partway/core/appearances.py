"""Objects that the store says have appeared: a second source of truth beside the clients.

What is said counts as a hint where to look, and no more: nothing of it is believed. It may be said late, twice, in any
order, or of what does not concern us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from partway.core.completion import Completion
from partway.core.file import File, UploadStatus
from partway.core.keys import is_key
from partway.core.ports import KeyedRecords, Records
from partway.errors import NotFound, StoreError

#: States in which an object at a file's key has not been noticed.
_WAITING = frozenset({UploadStatus.UPLOADING, UploadStatus.COMPLETING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What became of the files at some keys, in numbers."""

    completed: int = 0  #: files that are complete now
    failed: int = 0  #: files whose object did not pass verification
    open: int = 0  #: files that stay as they are: there is no object, or a request completes them at this moment
    ignored: int = 0  #: keys that no file has which waits for its object


class Appearances:
    """Completes files whose objects have appeared.

    Args:
        records: where the files are remembered; they must find them by key (`KeyedRecords`).
        completion: looks at the objects, and ends uploads.
    """

    def __init__(self, *, records: Records, completion: Completion) -> None:
        if not isinstance(records, KeyedRecords):
            raise StoreError("These records cannot find files by their keys.", code="not_supported")
        self._records = records
        self._completion = completion

    async def note(self, keys: Sequence[str]) -> Noted:
        """Look at the files that have these keys, and complete those that are there.

        Raises:
            StoreUnavailable, RecordsUnavailable: tell us again later; what was done stays done.
            StoreError: the store refuses to say.
        """
        ours = [key for key in keys if is_key(key)]
        files = [file for file in await self._records.get_keys(ours) if _waits(file)]
        noted = Noted(ignored=len(keys) - len(files))
        for file in files:
            outcome = await self._outcome(file)
            noted = replace(noted, **{outcome: getattr(noted, outcome) + 1})
        return noted

    async def _outcome(self, file: File) -> str:
        try:
            status = (await self._completion.appeared(file)).upload_status
        except NotFound:  # removed meanwhile
            return "ignored"
        if status in {UploadStatus.COMPLETED, UploadStatus.FAILED}:
            return str(status)
        return "open" if status in _WAITING else "ignored"


def _waits(file: File) -> bool:
    return file.upload_status in _WAITING and file.deleted is None and file.purging is None
