"""Completing an upload: compare, move to `completing`, join, verify, move to `completed`.

A crash anywhere in between is finished by the next call: the object is there and ours → completed; the multipart upload
is still there → again; neither → failed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from partway.core.content import HEAD_SIZE, Finding, judge_content
from partway.core.file import File, UploadStatus, may_become
from partway.core.hooks import Hooks
from partway.core.initiation import UploadSettings
from partway.core.parts import ClaimedPart, PartsHeld, StoredPart, compare_with_plan
from partway.core.ports import Clock, Records, Store, StoredObject
from partway.core.refusals import no_such_file, require_right, wrong_state
from partway.core.reservation import delete_own, require_free
from partway.core.settling import drop_uploads, settled_as
from partway.core.verification import Verdict, judge_object, whole_checksum
from partway.errors import PartsDisagree, RecordsUnavailable, StoreRefused, UploadGone

#: How long another request's completion is waited for before it counts as dead.
PATIENCE = timedelta(seconds=60)


class Completion:
    """Ends uploads well. Its callers hand in the record at hand.

    Args:
        store: where the bytes are.
        records: where the files are remembered.
        settings: who looks at the bytes, and what the policy takes.
        hooks: who is told of finished files.
        clock: the time of day.
    """

    def __init__(self, *, store: Store, records: Records, settings: UploadSettings, hooks: Hooks, clock: Clock) -> None:
        self._store = store
        self._records = records
        self._settings = settings
        self._hooks = hooks
        self._clock = clock

    async def complete(self, file: File, claims: Mapping[int, ClaimedPart]) -> File:
        """See `Uploads.complete`.

        Args:
            file: the record.
            claims: part number → what the client says of it.
        """
        if file.upload_status is UploadStatus.UPLOADING:
            return await self._begin(file, claims)
        if file.upload_status is UploadStatus.COMPLETING:
            return await self._go_on(file, claims)
        return _ended(file)

    async def listing(self, file: File) -> list[StoredPart]:
        """What the store holds of an open upload. A single PUT is whole or not there.

        Raises:
            UploadGone: the store does not know the upload.
        """
        if not file.single_put:
            return await self._store.list_parts(file.key, file.upload_id or "")
        stored = await self._store.head(file.key)
        if judge_object(file, stored) is Verdict.ABSENT:
            return []
        # The object is there: there is nothing left to join.
        raise UploadGone("The object is at the store already.")

    async def settle_gone(self, file: File) -> File:
        """Say what became of an upload that the store does not know: never assumed, always asked for the object.

        Returns:
            The record as it now stands: completed, failed, or still being completed by another request.
        """
        stored = await self._store.head(file.key)
        if judge_object(file, stored) is not Verdict.ABSENT:
            return await self._conclude(file, stored, checksum=None)
        standing = await self._standing(file)
        if self._under_way(standing):
            return standing
        if standing.upload_status in {UploadStatus.UPLOADING, UploadStatus.COMPLETING}:
            return await self._fail(standing, "upload_gone", settled=True)
        return standing

    async def appeared(self, file: File) -> File:
        """Complete an open file whose object is there: by its single PUT, or joined by a request that then died.

        Returns:
            The record as it now stands: completed, failed, or as it was, if there is no object, another's lies where
            parts can still be sent, or a request completes the file at this moment.
        """
        if self._under_way(file):
            return file
        stored = await self._store.head(file.key)
        verdict = judge_object(file, stored)
        if verdict is Verdict.ABSENT or (verdict is Verdict.FOREIGN and not file.single_put):
            return file
        return await self._conclude(file, stored, checksum=None)

    async def tell(self, file: File) -> File:
        """Tell the application of a file that it has not been told of, and note that it was.

        A crash in between leaves the note as it was: upkeep tells it again.
        """
        if file.untold is None:
            return file
        if file.upload_status is UploadStatus.COMPLETED:
            await self._hooks.after_complete(file)
        with contextlib.suppress(RecordsUnavailable):
            return await self._records.change(file.id, untold=None) or file
        return file

    async def let_go(self, file: File) -> File:
        """Reopen an upload whose completion shows no life any more, so that it can be given up.

        Returns:
            The record as it now stands: still `completing` if that began a moment ago, completed if the store had
            joined the parts.
        """
        if self._under_way(file):
            return file
        try:
            await self.listing(file)
        except UploadGone:
            return await self.settle_gone(file)
        reopened = await self._records.change(
            file.id, when={UploadStatus.COMPLETING}, upload_status=UploadStatus.UPLOADING, modified=self._clock.now()
        )
        return reopened or await self._standing(file)

    def _under_way(self, file: File) -> bool:
        return file.upload_status is UploadStatus.COMPLETING and self._clock.now() - file.modified < PATIENCE

    async def _begin(self, file: File, claims: Mapping[int, ClaimedPart]) -> File:
        try:
            held = await self._held(file, claims)
        except UploadGone:
            return _ended(await self.settle_gone(file))
        if not held.complete:
            if (elsewhere := await self._elsewhere(file)) is not None:
                return _ended(elsewhere)
            require_right(held)
        await require_free(file, store=self._store)
        moved = await self._records.change(
            file.id,
            when={UploadStatus.UPLOADING},
            upload_status=UploadStatus.COMPLETING,
            modified=self._clock.now(),
        )
        if moved is None:
            standing = await self._standing(file)
            return (
                await self._go_on(standing, claims)
                if standing.upload_status is UploadStatus.COMPLETING
                else _ended(standing)
            )
        return await self._join(moved, held)

    async def _go_on(self, file: File, claims: Mapping[int, ClaimedPart]) -> File:
        """Finish what another request began: it may be dead, or just slow."""
        try:
            held = await self._held(file, claims)
        except UploadGone:
            return _ended(await self.settle_gone(file))
        if not held.complete:
            if (elsewhere := await self._elsewhere(file)) is not None:
                return _ended(elsewhere)
            await self._records.change(file.id, when={UploadStatus.COMPLETING}, upload_status=UploadStatus.UPLOADING)
            require_right(held)
        taken = await self._records.change(file.id, when={UploadStatus.COMPLETING}, modified=self._clock.now())
        return await self._join(taken or file, held)

    async def _elsewhere(self, file: File) -> File | None:
        """The record, if another request ends the upload at this moment, or has; None: nobody does.

        While a store joins parts it may list some of them, or none. They are not missing.
        """
        standing = await self._standing(file)
        open_still = standing.upload_status in {UploadStatus.UPLOADING, UploadStatus.COMPLETING}
        return None if open_still and not self._under_way(standing) else standing

    async def _join(self, file: File, held: PartsHeld) -> File:
        checksum = whole_checksum(file, held)
        try:
            await self._store.complete_upload(
                file.key,
                file.upload_id or "",
                held.parts,
                checksum=checksum,
                checksum_algorithm=file.checksum_algorithm,
            )
        except UploadGone:
            return _ended(await self.settle_gone(file))
        except StoreRefused as refusal:
            return await self._refused(file, refusal)
        return _ended(await self._conclude(file, await self._store.head(file.key), checksum=checksum))

    async def _refused(self, file: File, refusal: StoreRefused) -> File:
        """The store refused the parts: one was sent again meanwhile, or another request has just joined them."""
        stored = await self._store.head(file.key)
        if judge_object(file, stored) is Verdict.RIGHT:
            return _ended(await self._conclude(file, stored, checksum=None))
        await self._records.change(
            file.id, when={UploadStatus.COMPLETING}, upload_status=UploadStatus.UPLOADING, modified=self._clock.now()
        )
        raise PartsDisagree(
            f"The store did not join the parts: {refusal.detail} The upload is still open: ask for its state, send "
            "what differs, and complete it again.",
            **refusal.facts,
        ) from refusal

    async def _conclude(self, file: File, stored: StoredObject | None, *, checksum: str | None) -> File:
        """Write down what the object at the file's key turned out to be."""
        verdict = judge_object(file, stored, checksum=checksum)
        if verdict is Verdict.ABSENT:
            return await self._fail(file, "object_gone", settled=True)
        if verdict is Verdict.FOREIGN:
            return await self._fail(file, verdict, settled=True)
        if verdict is not Verdict.RIGHT or stored is None:
            return await self._remove(file, verdict)
        found = await self._look_inside(file, stored)
        if found.failure is not None:
            return await self._remove(file, found.failure, detected_content_type=found.content_type)
        if file.spares:
            await drop_uploads(file, store=self._store)
        now = self._clock.now()
        done = await self._records.change(
            file.id,
            when=may_become(UploadStatus.COMPLETED),
            upload_status=UploadStatus.COMPLETED,
            upload_id=None,
            detected_content_type=found.content_type,
            etag=stored.etag,
            checksum=stored.checksum or file.checksum,
            completed=now,
            modified=now,
            settled=True,
            untold=now if self._hooks.hear else None,
        )
        return await self._overtaken(file) if done is None else await self.tell(done)

    async def _look_inside(self, file: File, stored: StoredObject) -> Finding:
        """What the object's first bytes are, if anybody is to look."""
        if self._settings.detector is None:
            return Finding(None, None)
        last = min(HEAD_SIZE, stored.size) - 1
        stream = await self._store.read(file.key, last=last if stored.size else None, if_match=stored.etag)
        try:
            head = b"".join([chunk async for chunk in stream.chunks])
        finally:
            await stream.aclose()
        return judge_content(
            file_name=file.file_name,
            declared=file.file_content_type,
            head=head,
            detected=self._settings.detector.detect(head) if head else None,
            policy=self._settings.policy,
        )

    async def _remove(self, file: File, failure: str, **more: Any) -> File:
        """Fail a file whose object is not what it should be, and remove the object."""
        failed = await self._fail(file, failure, settled=False, **more)
        if failed.upload_status is UploadStatus.COMPLETED:
            return failed
        await self._store.delete(file.key)
        gone = settled_as(not file.single_put and not file.spares)
        return await self._records.change(file.id, when={UploadStatus.FAILED}, **gone) or failed

    async def _overtaken(self, file: File) -> File:
        """What another request made of the file. If it gave the upload up, what was joined since goes too."""
        standing = await self._records.get(file.id)
        if standing is None or standing.upload_status in {UploadStatus.ABORTED, UploadStatus.FAILED}:
            await delete_own(file, store=self._store)
        return standing or await self._standing(file)

    async def _fail(self, file: File, failure: str, *, settled: bool, **more: Any) -> File:
        failed = await self._records.change(
            file.id,
            when={UploadStatus.UPLOADING, UploadStatus.COMPLETING},
            upload_status=UploadStatus.FAILED,
            upload_id=None,
            failure=str(failure),
            modified=self._clock.now(),
            # The URL of a single PUT lives on, and spare uploads are open: it is settled once they are dead.
            **settled_as(settled and not file.single_put and not file.spares),
            **more,
        )
        return failed or await self._standing(file)

    async def _held(self, file: File, claims: Mapping[int, ClaimedPart]) -> PartsHeld:
        return compare_with_plan(file.plan, await self.listing(file), claims=claims)

    async def _standing(self, file: File) -> File:
        standing = await self._records.get(file.id)
        if standing is None:
            raise no_such_file()
        return standing


def _ended(file: File) -> File:
    """The finished file, or the error that says how it ended."""
    if file.upload_status is UploadStatus.COMPLETED:
        return file
    if file.upload_status is UploadStatus.FAILED and file.failure == "upload_gone":
        raise UploadGone("The store has lost this upload and there is no object; begin a new one.")
    raise wrong_state(file)
