"""The story of a copy: a new file with a record, a key and a token of its own, whose bytes the store copies itself.

The record is `pending` while the store copies, and names its source (`File.copied_from`). A crash leaves such a record,
which is given up like any upload that nobody goes on with: what the store holds of it is found by its key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from partway.core.file import OPEN, Caller, File, UploadStatus
from partway.core.files import Files
from partway.core.initiation import NewUpload, check_same_request
from partway.core.ports import Clock, ObjectCopies, Records, Store, SystemClock
from partway.core.refusals import wrong_state
from partway.core.reservation import delete_own, require_free
from partway.core.uploads import Uploads
from partway.core.verification import Verdict, judge_object
from partway.errors import Conflict, PartwayError, StoreError, StoreUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCopy:
    """What a copy is to be. Its name, description and metadata are the source's unless told otherwise."""

    folder: str = ""  #: as an upload's
    name: str | None = None
    metadata: Mapping[str, Any] | None = None


class Copies:
    """Makes copies.

    Args:
        store: where the bytes are; it must copy them itself (`ObjectCopies`).
        records: where the files are remembered.
        uploads: drafts copies, lets them in, and gives up those that fail.
        files: finds the source.
        clock: the time of day.
    """

    def __init__(
        self,
        *,
        store: Store,
        records: Records,
        uploads: Uploads,
        files: Files,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._records = records
        self._uploads = uploads
        self._files = files
        self._clock = clock or SystemClock()

    async def copy(self, file_id: UUID, new: NewCopy, *, caller: Caller, idempotency_key: str | None = None) -> File:
        """Copy a finished file. The copy is the caller's, is private, and is attached to nothing.

        It is reserved as an upload is: the policy must take it, and it counts as the caller's. With an idempotency key
        the same request gives the same copy again, also one that a crash left half made.

        Raises:
            NotFound: there is no such file for this caller.
            Conflict: its upload is not complete; or the key was used for something else (`idempotency_key_reused`).
            InvalidInput, PolicyRefused: the copy is not taken.
            QuotaExceeded: it does not fit into what the caller may use.
            ObjectGone: the store does not hold the verified object any more.
            StoreUnavailable: the store does not answer; with an idempotency key the same request goes on.
            StoreError: the store cannot copy (code `not_supported`), or what it made is not the source's copy.
        """
        if not isinstance(self._store, ObjectCopies):
            raise StoreError("This store cannot copy; download the file and upload it anew.", code="not_supported")
        source = await self._files.finished(file_id, caller=caller)
        reserved = await self._reservation(source, new, caller=caller, idempotency_key=idempotency_key)
        copy = await self._uploads.admission.admit(reserved, self._uploads.reserve)
        if copy.id != reserved.id:
            check_same_request(copy, reserved)
        if copy.upload_status is UploadStatus.COMPLETED:
            return copy
        if copy.upload_status not in OPEN:
            raise wrong_state(copy)
        try:
            await require_free(copy, store=self._store)
            await self._store.copy_object(
                source.key,
                copy.key,
                source_etag=source.etag or "",
                size=source.file_size,
                token=copy.token,
                content_type=copy.file_content_type,
            )
            return await self._finished(copy)
        except StoreUnavailable:
            if idempotency_key is None:  # nobody can go on with it
                await self._leave_nothing(copy)
            raise
        except PartwayError:
            await self._leave_nothing(copy)
            raise

    async def _reservation(self, source: File, new: NewCopy, *, caller: Caller, idempotency_key: str | None) -> File:
        asked = NewUpload(
            file_name=source.file_name,
            file_size=source.file_size,
            file_content_type=source.file_content_type,
            name=new.name or source.name,
            description=source.description,
            metadata=source.metadata if new.metadata is None else new.metadata,
            folder=new.folder,
        )
        file = await self._uploads.draft(asked, caller=caller, idempotency_key=idempotency_key)
        return file.evolve(
            copied_from=str(source.id), checksum=source.checksum, detected_content_type=source.detected_content_type
        )

    async def _finished(self, copy: File) -> File:
        """Verify what the store made, and complete the record. Another request may have done so: twice is fine."""
        await self._records.change(
            copy.id, when={UploadStatus.PENDING}, upload_status=UploadStatus.UPLOADING, modified=self._clock.now()
        )
        standing = await self._records.get(copy.id)
        if standing is None or standing.upload_status in {UploadStatus.ABORTED, UploadStatus.FAILED}:
            await delete_own(copy, store=self._store)
            raise _given_up()
        if standing.upload_status is UploadStatus.COMPLETED:
            return await self._made_again(standing)
        done = await self._uploads.completion.settle_gone(standing)
        if done.upload_status is UploadStatus.ABORTED:
            raise _given_up()
        if done.upload_status is not UploadStatus.COMPLETED:
            raise StoreError(
                "What the store made is not the file's copy, and was removed; copy the file again.",
                failure=done.failure,
            )
        return done

    async def _made_again(self, copy: File) -> File:
        """A finished copy whose object was replaced by the same bytes. Encrypted ones then have another ETag."""
        stored = await self._store.head(copy.key)
        if stored is None or judge_object(copy, stored) is not Verdict.RIGHT or stored.etag == copy.etag:
            return copy
        return await self._records.change(copy.id, when={UploadStatus.COMPLETED}, etag=stored.etag) or copy

    async def _leave_nothing(self, copy: File) -> None:
        """No object, no open upload, no record. What cannot be removed now goes with the uploads that are given up."""
        with contextlib.suppress(PartwayError):
            ended = await self._uploads.give_up(copy)
            if ended.upload_status is not UploadStatus.COMPLETED:
                await self._records.remove(copy.id)


def _given_up() -> Conflict:
    return Conflict("The copy was given up meanwhile; copy the file again.", code="upload_aborted")
