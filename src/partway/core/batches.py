"""Many small files at once: one request to begin them, one to finish them.

Where the store can refuse to overwrite, a file of one part needs no multipart upload: one presigned PUT creates the
object, and a replay cannot change it. Such a file is `File.single_put`. All others go the way of `Uploads`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from partway.core.file import Caller, File, UploadStatus
from partway.core.initiation import NewUpload, UploadSettings
from partway.core.keys import is_unique
from partway.core.ports import (
    BulkRecords,
    Clock,
    ConditionalPuts,
    ListedObject,
    ObjectListing,
    Records,
    Store,
    SystemClock,
)
from partway.core.uploads import BegunUpload, Uploads
from partway.errors import PartwayError

#: Pages of a listing that are looked through before single questions are cheaper: other files may lie in between.
_MAX_PAGES = 3


class Batches:
    """Begins and finishes many uploads with few requests to the records and to the store.

    Args:
        store, records, settings, clock: as for `Uploads`.
        uploads: drafts all files, and begins those that go by a multipart upload.
    """

    def __init__(
        self, *, store: Store, records: Records, settings: UploadSettings, uploads: Uploads, clock: Clock | None = None
    ) -> None:
        self._store = store
        self._records = records
        self._settings = settings
        self._uploads = uploads
        self._clock = clock or SystemClock()

    async def initiate(self, new: Sequence[NewUpload], *, caller: Caller) -> list[BegunUpload | PartwayError]:
        """Begin many uploads; what is wrong with one does not stop the others.

        Returns:
            For each request, in order, the begun upload or the error that it would have got alone.
        """
        drafts = [await self._draft(each, caller) for each in new]
        single = [file for file in drafts if isinstance(file, File) and file.single_put]
        refused = await self._uploads.admission.admit_all(single) if single else {}
        return [
            draft if isinstance(draft, PartwayError) else await self._begin(draft, each, refused)
            for draft, each in zip(drafts, new, strict=True)
        ]

    async def complete(self, file_ids: Sequence[UUID], *, caller: Caller) -> list[File | PartwayError]:
        """Finish many uploads; see `Uploads.complete`.

        Returns:
            For each id, in order, the finished file or the error that it would have got alone.
        """
        # A listing tells nothing of an object's bytes: where they are looked at, each file is.
        if not isinstance(self._records, BulkRecords) or self._settings.detector is not None:
            return [await self._complete_one(file_id, caller) for file_id in file_ids]
        files = {file.id: file for file in await self._records.get_all(set(file_ids), owner=caller.sees_only)}
        single = {
            file.key: file
            for file in files.values()
            if file.single_put and file.upload_status is UploadStatus.UPLOADING and file.deleted is None
        }
        done = await self._finish(self._records, single, await self._listed(list(single)))
        return [done.get(file_id) or await self._complete_one(file_id, caller) for file_id in file_ids]

    async def _draft(self, new: NewUpload, caller: Caller) -> File | PartwayError:
        try:
            file = await self._uploads.draft(new, caller=caller)
        except PartwayError as error:
            return error
        if not isinstance(self._store, ConditionalPuts) or not isinstance(self._records, BulkRecords):
            return file
        checksummed = file.checksum_algorithm is None or bool(new.part_checksums)
        # Rows of a listing tell nothing of whose object it is: keys that others may have go the other way.
        alone = is_unique(file.key, file.id)
        if file.num_parts > 1 or not checksummed or new.presign_parts == 0 or not alone:
            return file
        # The only URL ever signed demands this checksum, so an object that is there has it.
        checksum = f"{file.checksum_algorithm}:{new.part_checksums[0]}" if file.checksum_algorithm else None
        return file.evolve(single_put=True, upload_status=UploadStatus.UPLOADING, checksum=checksum)

    async def _finish(
        self, records: BulkRecords, files: Mapping[str, File], listed: Mapping[str, ListedObject]
    ) -> dict[UUID, File]:
        """Complete those files whose object is listed in its right size. The others are asked about one by one."""
        now = self._clock.now()
        changes = {
            file.id: {
                "upload_status": UploadStatus.COMPLETED,
                "etag": listed[key].etag,
                "completed": now,
                "modified": now,
                "settled": True,
                "untold": now if self._uploads.hooks.hear else None,
            }
            for key, file in files.items()
            if key in listed and listed[key].size == file.file_size
        }
        done: dict[UUID, File] = {}
        # A transaction that changed what several owners use could wait for another in a circle: one for each owner.
        for owner in {file.created_by for file in files.values()}:
            mine = {
                file.id: changes[file.id] for file in files.values() if file.id in changes and file.created_by == owner
            }
            done |= {file.id: file for file in await records.change_each(mine, when={UploadStatus.UPLOADING})}
        return {file.id: await self._uploads.completion.tell(file) for file in done.values()}

    async def _listed(self, keys: Sequence[str]) -> dict[str, ListedObject]:
        """What a listing says of these keys. Keys of one batch lie close together, so a page or two hold them all.

        The keys are ours alone, unguessable, and writable only once, by a URL that demands the size: a row with the
        right size is the file.
        """
        if len(keys) < 2 or not isinstance(self._store, ObjectListing):
            return {}
        wanted, prefix = set(keys), _common_prefix(min(keys), max(keys))
        cursor: str | None = None
        found: dict[str, ListedObject] = {}
        for _ in range(_MAX_PAGES):
            page = await self._store.list_objects(prefix, cursor=cursor, limit=len(keys))
            found |= {row.key: row for row in page.objects if row.key in wanted}
            cursor = page.next
            if cursor is None or len(found) == len(wanted):
                break
        return found

    async def _begin(
        self, file: File, new: NewUpload, refused: Mapping[UUID, PartwayError]
    ) -> BegunUpload | PartwayError:
        if file.single_put:
            return refused.get(file.id) or BegunUpload(file=file, signed=await self._uploads.sign_single_put(file))
        try:
            return await self._uploads.begin(file, new)
        except PartwayError as error:
            return error

    async def _complete_one(self, file_id: UUID, caller: Caller) -> File | PartwayError:
        try:
            return await self._uploads.complete(file_id, caller=caller)
        except PartwayError as error:
            return error


def _common_prefix(first: str, last: str) -> str:
    """What the first and the last of some sorted texts, and so all of them, begin with."""
    length = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]
