"""The story of an upload: initiate, sign, report, state, complete, abort.

Effects at the store follow the commit of the record, and every step may run twice: the record always says where to look
for what a crash left behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from partway.core.checksums import check_checksum
from partway.core.completion import Completion
from partway.core.events import Progress, Teller
from partway.core.file import OPEN, Caller, File, UploadStatus
from partway.core.hooks import Hooks
from partway.core.initiation import (
    NewUpload,
    UploadSettings,
    check_same_request,
    first_parts,
    new_file,
)
from partway.core.limits import Admission
from partway.core.parts import ClaimedPart, PartsHeld, StoredPart, compare_with_plan
from partway.core.parts_to_sign import parts_to_sign
from partway.core.ports import (
    Clock,
    ConditionalPuts,
    PartToSign,
    Records,
    SignedPart,
    SignedParts,
    Store,
    SystemClock,
)
from partway.core.progress import reported_progress
from partway.core.refusals import no_such_file, wrong_state
from partway.core.reservation import reserve
from partway.core.settling import Settling
from partway.errors import AnswerLost, Conflict, InvalidInput, PartsDisagree, StoreError, UploadGone

_NO_PARTS = SignedParts((), 0)
#: The deadline is written anew only once it would move by this share of its length: not with every part.
_SLIDE_SHARE = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunUpload:
    """The answer to an initiation."""

    file: File
    signed: SignedParts


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadState:
    """A file and what the store holds of it."""

    file: File
    held: PartsHeld


class Uploads:
    """Begins, signs, follows and ends uploads.

    Args:
        store: where the bytes go.
        records: where the files are remembered.
        settings: how uploads are made.
        hooks: what the application says to new files, and hears of finished ones.
        clock: the time of day.
        feed: told of what clients report.
    """

    def __init__(
        self,
        *,
        store: Store,
        records: Records,
        settings: UploadSettings,
        hooks: Hooks | None = None,
        clock: Clock | None = None,
        feed: Teller | None = None,
    ) -> None:
        self._store = store
        self._records = records
        self._settings = settings
        self._clock = clock or SystemClock()
        self._feed = feed
        self.hooks = hooks or Hooks()
        self.completion = Completion(
            store=store, records=records, settings=settings, hooks=self.hooks, clock=self._clock
        )
        self.settling = Settling(store=store, records=records, url_expiry=settings.url_expiry, clock=self._clock)
        self.admission = Admission(records=records, settling=self.settling)

    async def initiate(self, new: NewUpload, *, caller: Caller, idempotency_key: str | None = None) -> BegunUpload:
        """Reserve a record, open the multipart upload and sign the first parts.

        With an idempotency key the same request gives the same upload again, also one that a crash left half begun.

        Raises:
            InvalidInput, PolicyRefused: the request is not taken.
            QuotaExceeded: the file does not fit into what the caller may use.
            Conflict: the key was used for another request (code `idempotency_key_reused`).
            StoreUnavailable: the store does not answer; the record stays `pending` and the same key goes on with it.
        """
        return await self.begin(await self.draft(new, caller=caller, idempotency_key=idempotency_key), new)

    async def draft(self, new: NewUpload, *, caller: Caller, idempotency_key: str | None = None) -> File:
        """The record that a file would begin with, as the application and the rules have it. Nothing is reserved yet.

        Every file begins here.

        Raises:
            InvalidInput, PolicyRefused: the request is not taken.
            PartwayError: the application refuses it; see `core.hooks`.
        """
        return new_file(
            await self.hooks.before_initiate(new, caller),
            caller=caller,
            settings=self._settings,
            limits=self._store.limits,
            now=self._clock.now(),
            idempotency_key=idempotency_key,
        )

    async def begin(self, file: File, new: NewUpload) -> BegunUpload:
        """Reserve a record that was drafted, open its upload and sign the first parts; see `initiate`."""
        standing = await self.admission.admit(file, self.reserve)
        if standing.id != file.id:
            check_same_request(standing, file)
        if standing.upload_status is UploadStatus.PENDING:
            standing = await self._open(standing, fresh=standing.id == file.id)
        if standing.upload_status is not UploadStatus.UPLOADING:
            return BegunUpload(file=standing, signed=_NO_PARTS)
        checksums = dict(enumerate(new.part_checksums, start=1))
        return BegunUpload(file=standing, signed=await self._sign(standing, first_parts(standing, new), checksums))

    async def reserve(self, file: File) -> File:
        """Add a new record under a key that is its alone; see `core.reservation`."""
        return await reserve(file, store=self._store, records=self._records)

    async def state(self, file_id: UUID, *, caller: Caller) -> UploadState:
        """The upload and the parts that the store holds: what a client needs to go on.

        Raises:
            NotFound: there is no such file for this caller.
        """
        file = await self._find(file_id, caller)
        listing: Sequence[StoredPart] = ()
        if file.upload_status in {UploadStatus.UPLOADING, UploadStatus.COMPLETING}:
            try:
                listing = await self.completion.listing(file)
            except UploadGone:
                file = await self.completion.settle_gone(file)
        return UploadState(file=file, held=compare_with_plan(file.plan, listing))

    async def presign(
        self, file_id: UUID, part_numbers: Sequence[int], *, caller: Caller, checksums: Sequence[str] = ()
    ) -> SignedParts:
        """Fresh URLs for some parts, at any time while the upload is open.

        Args:
            part_numbers: at least one; duplicates are collapsed.
            checksums: base64, parallel to `part_numbers`; needed if the upload has a checksum algorithm.

        Raises:
            NotFound, InvalidInput, Conflict: see the codes.
        """
        if not part_numbers:
            raise InvalidInput("part_numbers is empty: name the parts to sign.", field="part_numbers")
        if checksums and len(checksums) != len(part_numbers):
            raise InvalidInput("checksums must be as many as part_numbers.", field="checksums")
        file = await self._find(file_id, caller)
        _require_uploading(file)
        signed = await self._sign(file, dict.fromkeys(part_numbers), dict(zip(part_numbers, checksums, strict=False)))
        await self._slide(file)
        return signed

    async def report(self, file_id: UUID, parts: Sequence[StoredPart], *, caller: Caller) -> Progress:
        """Note parts that the client has sent, for those who watch. The store's own listing stays the truth.

        Raises:
            NotFound, InvalidInput, Conflict: see the codes.
        """
        file = await self._find(file_id, caller)
        _require_uploading(file)
        for part in parts:
            file.plan.check_part_number(part.part_number)
        await self._records.report_parts(file.id, parts)
        await self._slide(file)
        progress = reported_progress(file, await self._records.reported_parts(file.id))
        if self._feed is not None:
            self._feed.tell(progress)
        return progress

    async def complete(self, file_id: UUID, *, caller: Caller, claimed: Sequence[ClaimedPart] = ()) -> File:
        """Join the parts into the object, verify it and return the finished file. Twice gives the same answer.

        Args:
            claimed: what the client says of the parts; may be empty. The store's listing decides.

        Raises:
            NotFound: there is no such file for this caller.
            InvalidInput: `claimed` contradicts itself or the plan.
            PartsMissing: not all parts are there (fact `missing`); the upload stays open.
            PartsDisagree: an ETag is not the store's (fact `parts`); the upload stays open.
            Conflict: the upload was aborted, has failed, or is being completed by another request.
            UploadGone: the store has lost the upload; the file is now `failed`.
        """
        file = await self._find(file_id, caller)
        return await self.completion.complete(file, _claims(file, claimed))

    async def abort(self, file_id: UUID, *, caller: Caller) -> None:
        """Give an upload up and drop its parts. Twice is fine.

        The record moves first; if the store does not answer, what it holds is dropped later.

        Raises:
            NotFound: there is no such file for this caller.
            Conflict: it is completed or being completed.
        """
        ended = await self.give_up(await self._find(file_id, caller))
        if ended.upload_status is UploadStatus.COMPLETED:
            raise Conflict("The upload is complete; delete the file instead.", code="upload_completed")

    async def give_up(self, file: File) -> File:
        """End the upload of a record at hand unless it is complete, and return the record as it then stood.

        Raises:
            Conflict: it is being completed at this moment.
        """
        if file.upload_status is UploadStatus.COMPLETING:
            file = await self.completion.let_go(file)
        if file.upload_status in OPEN:
            moved = await self._records.change(
                file.id, when=OPEN, upload_status=UploadStatus.ABORTED, modified=self._clock.now()
            )
            file = moved or await self._reload(file)
        if file.upload_status is UploadStatus.COMPLETING:
            raise wrong_state(file)
        if file.upload_status is not UploadStatus.COMPLETED and not file.settled:
            file = await self.settling.drop(file)
        return file

    async def _open(self, file: File, *, fresh: bool) -> File:
        """Open the multipart upload of a `pending` record, or adopt the one that a crash or a lost answer left."""
        upload_id: str | None = None
        if fresh:
            with contextlib.suppress(AnswerLost):
                upload_id = await self._create(file, once=True)
        if upload_id is None:
            # Noted first: whatever happens from here on, those uploads that are not adopted are found in the end.
            await self._records.change(file.id, when={UploadStatus.PENDING}, spares=True)
            known = await self._store.find_uploads(file.key)
            upload_id = known[0] if known else await self._create(file, once=False)
        opened = await self._records.change(
            file.id,
            when={UploadStatus.PENDING},
            upload_status=UploadStatus.UPLOADING,
            upload_id=upload_id,
            modified=self._clock.now(),
        )
        if opened is not None:
            return opened
        standing = await self._records.get(file.id)
        if standing is None or standing.upload_id != upload_id:
            await self._store.abort_upload(file.key, upload_id)
        if standing is None or standing.purging is not None:
            raise no_such_file()
        return standing

    async def _create(self, file: File, *, once: bool) -> str:
        return await self._store.create_upload(
            file.key,
            content_type=file.file_content_type,
            token=file.token,
            checksum_algorithm=file.checksum_algorithm,
            once=once,
        )

    async def sign_single_put(self, file: File) -> SignedParts:
        """The one URL of a file that needs no multipart upload; see `File.single_put`.

        Raises:
            StoreError: the store can overwrite what it holds, so it may not be used so.
        """
        if not isinstance(self._store, ConditionalPuts):
            raise StoreError("This store cannot take an upload by a single PUT; begin a new upload.")
        _, _, checksum = (file.checksum or "").partition(":")
        signed = await self._store.sign_put(
            file.key,
            size=file.file_size,
            content_type=file.file_content_type,
            token=file.token,
            expires_in=self._settings.url_expiry,
            checksum=checksum or None,
            checksum_algorithm=file.checksum_algorithm,
        )
        return SignedParts([SignedPart(1, signed.url, file.file_size, signed.headers)], signed.expires_in)

    async def _sign(
        self, file: File, part_numbers: Mapping[int, None] | range, checksums: Mapping[int, str]
    ) -> SignedParts:
        wanted = parts_to_sign(file, part_numbers, checksums)
        if file.single_put:
            return await self._sign_again(file, wanted)
        return await self._store.sign_parts(
            file.key,
            file.upload_id or "",
            wanted,
            expires_in=self._settings.url_expiry,
            checksum_algorithm=file.checksum_algorithm,
        )

    async def _sign_again(self, file: File, wanted: Iterable[PartToSign]) -> SignedParts:
        """A fresh URL for a single PUT. What it demands stays: the object that is there must be what was begun."""
        for part in wanted:
            if part.checksum is not None and file.checksum != f"{file.checksum_algorithm}:{part.checksum}":
                raise PartsDisagree("This upload was begun with another checksum; begin a new one.", parts=[1])
        return await self.sign_single_put(file)

    async def _slide(self, file: File) -> None:
        ttl = timedelta(seconds=self._settings.upload_ttl)
        deadline = self._clock.now() + ttl
        if deadline - file.expires > ttl / _SLIDE_SHARE:
            await self._records.change(file.id, when={UploadStatus.UPLOADING}, expires=deadline)

    async def _find(self, file_id: UUID, caller: Caller) -> File:
        file = await self._records.get(file_id, owner=caller.sees_only)
        if file is None or file.deleted is not None or file.purging is not None:
            raise no_such_file()
        return file

    async def _reload(self, file: File) -> File:
        standing = await self._records.get(file.id)
        if standing is None:
            raise no_such_file()
        return standing


def _require_uploading(file: File) -> None:
    if file.upload_status is not UploadStatus.UPLOADING:
        raise wrong_state(file)


def _claims(file: File, claimed: Sequence[ClaimedPart]) -> dict[int, ClaimedPart]:
    claims: dict[int, ClaimedPart] = {}
    for claim in claimed:
        file.plan.check_part_number(claim.part_number)
        if file.checksum_algorithm is not None and claim.checksum is not None:
            check_checksum(file.checksum_algorithm, claim.checksum)
        if claims.setdefault(claim.part_number, claim) != claim:
            raise InvalidInput(f"Part {claim.part_number} is named twice with different values.", field="parts")
    return claims
