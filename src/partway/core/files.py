"""The story of files: list, get, update, delete and restore, attach, inspect, download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from partway.core.disposition import Presentation, present
from partway.core.file import Caller, File, UploadStatus
from partway.core.initiation import MAX_DESCRIPTION_LENGTH, check_text
from partway.core.metadata import check_metadata
from partway.core.ports import (
    Cdn,
    Clock,
    FilePage,
    FileQuery,
    ObjectStream,
    Records,
    SignedUrl,
    Store,
    StoredObject,
    SystemClock,
)
from partway.core.refusals import no_such_file, no_such_public_file, wrong_state
from partway.core.uploads import Uploads
from partway.errors import InvalidInput, ObjectGone

MAX_EXPIRY = 7 * 24 * 3600  #: seconds; SigV4 signs no longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file, how to present it, and its bytes."""

    file: File
    presentation: Presentation
    stream: ObjectStream


class Files:
    """Looks after files once, and while, they are uploaded.

    Args:
        store: where the bytes are.
        records: where the files are remembered.
        uploads: ends the upload of a file that is deleted before it is complete.
        download_expiry: seconds that a download URL lives unless asked otherwise.
        cdn: where clients download, if not from the store.
        clock: the time of day.
    """

    def __init__(
        self,
        *,
        store: Store,
        records: Records,
        uploads: Uploads,
        download_expiry: int = 3600,
        cdn: Cdn | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._records = records
        self._uploads = uploads
        self._download_expiry = download_expiry
        self._cdn = cdn
        self._clock = clock or SystemClock()

    async def page(self, query: FileQuery, *, caller: Caller) -> FilePage:
        """The caller's own files, newest first; staff see everybody's unless the query names an owner or a fingerprint.

        By a fingerprint clients find an upload to go on with: it would remain its owner's.
        """
        own = caller.id if query.fingerprint is not None else caller.sees_only
        return await self._records.page(replace(query, owner=own or query.owner))

    async def get(self, file_id: UUID, *, caller: Caller) -> File:
        """One file.

        Raises:
            NotFound: there is none for this caller, or it was deleted.
        """
        file = await self._records.get(file_id, owner=caller.sees_only)
        if file is None or file.deleted is not None or file.purging is not None:
            raise no_such_file()
        return file

    async def update(self, file_id: UUID, changes: Mapping[str, Any], *, caller: Caller) -> File:
        """Change `name`, `description`, `metadata` or `is_public`; no change at all gives the file as it is.

        Raises:
            NotFound: there is no such file for this caller.
            InvalidInput: a value is not taken.
        """
        file = await self.get(file_id, caller=caller)
        checked = checked_changes(changes)
        if not checked:
            return file
        changed = await self._records.change(file.id, modified=self._clock.now(), **checked)
        if changed is None:
            raise no_such_file()
        return changed

    async def delete(self, file_id: UUID, *, caller: Caller, hard: bool = False) -> None:
        """Delete a file. An open upload is aborted first. Twice is fine.

        Args:
            hard: remove the object, then the record; else the file is only hidden and its object kept.

        Raises:
            NotFound: there is no such file for this caller.
            Conflict: its upload is being completed at this moment.
            StoreUnavailable: the object could not be removed now; the file is hidden, and asking again goes on.
        """
        file = await self._records.get(file_id, owner=caller.sees_only)
        if file is None:
            raise no_such_file()
        if file.upload_status is not UploadStatus.COMPLETED:
            file = await self._uploads.give_up(file)
        if hard and file.settled and file.upload_status is not UploadStatus.COMPLETED:
            await self._records.remove(file.id)  # it is all that is left, so nothing has to be found again
            return
        now = self._clock.now()
        changes: dict[str, Any] = {"deleted": file.deleted or now}
        if hard:  # a soft one writes nothing there: a rival may have begun to remove the file for good
            changes["purging"] = file.purging or now
        if not file.purging:  # asking again does not lengthen the life of its URLs
            changes["modified"] = now
        changed = await self._records.change(file.id, **changes)
        if hard and changed is not None:
            await self._uploads.settling.purge(changed)

    async def restore(self, file_id: UUID, *, caller: Caller) -> File:
        """Undo a soft deletion. A file that was not deleted stays as it is.

        Raises:
            NotFound: there is no such file for this caller, or it is being removed for good.
        """
        file = await self._records.get(file_id, owner=caller.sees_only)
        if file is None or file.purging is not None:
            raise no_such_file()
        if file.deleted is None:
            return file
        restored = await self._records.change(file.id, deleted=None, modified=self._clock.now())
        if restored is not None and restored.purging is not None:  # its removal began a moment ago
            await self._records.change(file.id, deleted=file.deleted)
            restored = None
        if restored is None:
            raise no_such_file()
        return restored

    async def set_parent(
        self, file_id: UUID, content_type: str | None, object_id: str | None, *, caller: Caller
    ) -> File:
        """Attach a file to an object of the application, or detach it.

        Args:
            content_type: the object's kind; None: detach.
            object_id: the object's id; None: detach.

        Raises:
            NotFound: there is no such file for this caller.
            InvalidInput: one of both is missing, or a text is too long.
        """
        if (content_type is None) != (object_id is None):
            raise InvalidInput(
                "parent_content_type and parent_object_id belong together: give both, or null for both.",
                field="parent_object_id" if object_id is None else "parent_content_type",
            )
        parent = {"parent_content_type": content_type, "parent_object_id": object_id}
        checked: dict[str, Any] = {field: value and check_text(field, value) for field, value in parent.items()}
        file = await self.get(file_id, caller=caller)
        changed = await self._records.change(file.id, modified=self._clock.now(), **checked)
        if changed is None:
            raise no_such_file()
        return changed

    async def inspect(self, file_id: UUID, *, caller: Caller) -> tuple[File, StoredObject]:
        """A finished file, and what the store says of its object.

        Raises:
            NotFound, Conflict: there is no such finished file for this caller.
            ObjectGone: the store does not hold the verified object any more.
        """
        file = await self.finished(file_id, caller=caller)
        return file, await self.stored(file)

    async def stored(self, file: File) -> StoredObject:
        """What the store says of a finished file's object.

        Raises:
            ObjectGone: the store does not hold the verified object any more.
        """
        stored = await self._store.head(file.key)
        if stored is None or stored.etag != file.etag:
            raise ObjectGone(
                "The store does not hold the verified object any more; delete the file, and upload it anew."
            )
        return stored

    async def public(self, file_id: UUID) -> File:
        """A finished file that anybody may have.

        Raises:
            NotFound: there is none, or it is not public: nobody learns which.
        """
        file = await self._records.get(file_id)
        if (
            file is None
            or not file.is_public
            or file.upload_status is not UploadStatus.COMPLETED
            or file.deleted is not None
            or file.purging is not None
        ):
            raise no_such_public_file()
        return file

    async def presigned_url(
        self, file_id: UUID, *, caller: Caller, expires_in: int | None = None, as_attachment: bool = False
    ) -> SignedUrl:
        """A URL from which anybody may fetch the file for a while, straight from the store or its CDN.

        Args:
            expires_in: seconds, 1 to 604,800.
            as_attachment: have it saved, not shown.

        Raises:
            NotFound, Conflict: there is no such finished file for this caller.
            InvalidInput: `expires_in` is out of range.
        """
        seconds = self._download_expiry if expires_in is None else expires_in
        if not 1 <= seconds <= MAX_EXPIRY:
            raise InvalidInput(f"expiry must be between 1 and {MAX_EXPIRY} seconds.", field="expiry")
        file = await self.finished(file_id, caller=caller)
        shown = present(file.name, file.file_content_type, as_attachment=as_attachment)
        headers = {"content_type": shown.content_type, "disposition": shown.disposition}
        if self._cdn is not None:
            signed = await self._cdn.sign_download(file.key, expires_in=seconds, is_public=file.is_public, **headers)
            if signed is not None:
                return signed
        return await self._store.sign_download(file.key, expires_in=seconds, **headers)

    async def finished(self, file_id: UUID, *, caller: Caller) -> File:
        """One file whose upload is complete.

        Raises:
            NotFound: there is none for this caller.
            Conflict: its upload is not complete.
        """
        file = await self.get(file_id, caller=caller)
        if file.upload_status is not UploadStatus.COMPLETED:
            raise wrong_state(file)
        return file

    async def download(
        self, file: File, *, first: int = 0, last: int | None = None, as_attachment: bool = False
    ) -> Download:
        """A finished file's bytes, or a range of them, bound to the ETag that was verified.

        Args:
            file: as `finished` gave it.
            first: offset of the first byte.
            last: offset of the last byte, inclusive; None: to the end.

        Raises:
            ObjectGone: the store does not hold the verified object any more.
        """
        stream = await self._store.read(file.key, first=first, last=last, if_match=file.etag)
        shown = present(file.name, file.file_content_type, as_attachment=as_attachment)
        return Download(file=file, presentation=shown, stream=stream)


def checked_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the fields that may be changed, checked: `name`, `description`, `metadata`, `is_public`.

    Raises:
        InvalidInput: a value is not taken.
    """
    return {field: _EDITABLE[field](value) for field, value in changes.items() if field in _EDITABLE}


def _name(value: str) -> str:
    if not value.strip():
        raise InvalidInput("name is empty.", field="name")
    return check_text("name", value)


def _description(value: str) -> str:
    return check_text("description", value, most=MAX_DESCRIPTION_LENGTH)


_EDITABLE: Mapping[str, Any] = {
    "name": _name,
    "description": _description,
    "metadata": check_metadata,
    "is_public": bool,
}
