"""The story of an upload whose bytes come through us: begin, write, finish, or leave nothing behind.

Whoever reads the body drives it: the loop over parts is theirs, so that several may travel at once where there is an
event loop. The record, the plan and the verification are those of every other upload.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from partway.core.checksums import ChecksumAlgorithm, crc32_of
from partway.core.file import Caller, File, UploadStatus
from partway.core.files import checked_changes
from partway.core.initiation import NewUpload
from partway.core.parts import MIB, PartPlan, plan_parts
from partway.core.ports import Clock, ObjectWrites, PartToSign, PartWrites, Records, Store, SystemClock
from partway.core.uploads import Uploads
from partway.errors import Conflict, PartwayError, PolicyRefused, StoreError

#: Bytes of a part that we hold in memory until the store has it: the smallest that S3 takes.
PROXIED_PART_SIZE = 5 * MIB
_CHECKSUM = ChecksumAlgorithm.CRC32  # it costs least, and those of the parts make the whole file's


class ProxiedUploads:
    """Takes files through us, each whole or not at all.

    Args:
        store: where the bytes go; it must take them from us (`PartWrites`, `ObjectWrites`).
        records: where the files are remembered.
        uploads: drafts, begins, completes and gives up.
        clock: the time of day.
    """

    def __init__(
        self,
        *,
        store: Store,
        records: Records,
        uploads: Uploads,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._records = records
        self._uploads = uploads
        self._clock = clock or SystemClock()

    async def store_small(self, new: NewUpload, body: bytes, *, caller: Caller) -> File:
        """Store a file that came whole, by one PUT that cannot overwrite.

        Raises:
            InvalidInput, PolicyRefused: the file is not taken; nothing is kept of it.
            StoreError: the store does not take it.
        """
        if not isinstance(self._store, ObjectWrites):
            raise _takes_no_bytes()
        file = await self._uploads.admission.admit(await self._uploads.draft(new, caller=caller), self._uploads.reserve)
        try:
            await self._store.write_object(file.key, body, content_type=file.file_content_type, token=file.token)
            return self._whole(await self._uploads.completion.settle_gone(await self._as_uploading(file)))
        except BaseException:
            await self.give_up(file)
            raise

    async def begin(self, new: NewUpload, *, caller: Caller) -> File:
        """Begin a file whose size is at most `new.file_size` (bytes): so many are reserved until it is finished.

        Raises:
            InvalidInput, PolicyRefused: the file is not taken.
            StoreError: the store does not open the upload.
        """
        if not isinstance(self._store, PartWrites):
            raise _takes_no_bytes()
        plan = plan_parts(new.file_size, part_size=PROXIED_PART_SIZE, limits=self._store.limits)
        planned = replace(new, num_parts=plan.num_parts, part_size=plan.part_size, checksum_algorithm=_CHECKSUM)
        return (await self._uploads.initiate(planned, caller=caller)).file

    async def write(self, file: File, part_number: int, body: bytes | bytearray) -> None:
        """Send one part to the store. Parts may be written in any order, and several at once.

        Raises:
            UploadGone: the upload was given up meanwhile.
            StoreError: the store does not take it.
        """
        assert isinstance(self._store, PartWrites)  # or `begin` had refused
        part = PartToSign(part_number, len(body), crc32_of(body), offset=file.plan.offset_of(part_number))
        await self._store.write_part(file.key, file.upload_id or "", part, body, checksum_algorithm=_CHECKSUM)

    async def finish(self, file: File, *, file_size: int, changes: Mapping[str, Any], caller: Caller) -> File:
        """Join the parts and verify the object.

        Args:
            file: as `begin` gave it.
            file_size: what really came, bytes.
            changes: fields that came behind the file; see `Files.update`.

        Raises:
            PolicyRefused: the object did not pass verification (the code says why); nothing is kept of it.
        """
        if file_size > file.file_size:
            raise PolicyRefused("The file has more bytes than the request announced.", code="file_too_large")
        num_parts = max(1, -(-file_size // file.part_size)) if file.part_size else 1
        plan = PartPlan(file_size, file_size if num_parts == 1 else file.part_size, num_parts)
        known = await self._records.change(
            file.id,
            when={UploadStatus.UPLOADING},
            file_size=plan.file_size,
            part_size=plan.part_size,
            num_parts=plan.num_parts,
            modified=self._clock.now(),
            **checked_changes(changes),
        )
        if known is None:
            raise Conflict("The upload was given up meanwhile; send the file again.", code="upload_aborted")
        return self._whole(await self._ended(known, caller))

    async def give_up(self, file: File) -> None:
        """Leave nothing: no object, no open upload, no record. What cannot be removed now is left to upkeep."""
        with contextlib.suppress(PartwayError):
            ended = await self._uploads.give_up(file)
            if ended.upload_status is not UploadStatus.COMPLETED:
                await self._records.remove(file.id)

    async def _ended(self, file: File, caller: Caller) -> File:
        try:
            return await self._uploads.complete(file.id, caller=caller)
        except Conflict:
            standing = await self._records.get(file.id)
            if standing is None or standing.upload_status is not UploadStatus.FAILED:
                raise
            return standing

    async def _as_uploading(self, file: File) -> File:
        opened = await self._records.change(
            file.id,
            when={UploadStatus.PENDING},
            upload_status=UploadStatus.UPLOADING,
            modified=self._clock.now(),
        )
        if opened is None:
            raise Conflict("The upload was given up meanwhile; send the file again.", code="upload_aborted")
        return opened

    @staticmethod
    def _whole(file: File) -> File:
        """The finished file, or the refusal that its verification ended with."""
        if file.upload_status is UploadStatus.COMPLETED:
            return file
        failure = file.failure or "upload_failed"
        raise PolicyRefused(f"The file did not pass verification ({failure}) and was removed.", code=failure)


def _takes_no_bytes() -> StoreError:
    return StoreError("This store takes no bytes from us; upload the file directly.", code="not_supported")
