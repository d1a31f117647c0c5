"""Multipart uploads without records: begin, sign, look, complete, abort, clean up."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from partway.bucket.keys import check_upload_id
from partway.bucket.rules import BucketRules
from partway.core.file import new_token
from partway.core.keys import check_file_name
from partway.core.metadata import check_object_metadata
from partway.core.parts import ClaimedPart, PartPlan, PartsHeld, compare_with_plan, plan_parts
from partway.core.ports import (
    Clock,
    ListedUpload,
    PartToSign,
    SignedParts,
    Store,
    StoredObject,
    SystemClock,
    UploadListing,
)
from partway.core.refusals import require_right
from partway.errors import InvalidInput, ObjectGone, StoreError, StoreRefused, UploadGone

_REMEMBERED = 10_000  #: uploads whose id and key are known to belong together
_ETAG = re.compile(r'"?[A-Za-z0-9!#$%()*+,./:;=?@_~-]{1,200}"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunUpload:
    """A multipart upload that the store has opened."""

    upload_id: str  #: the store's own
    key: str  #: carries the plan; the client sends both back
    plan: PartPlan


class BucketUploads:
    """The multipart half of a `Bucket`."""

    def __init__(self, store: Store, rules: BucketRules | None = None, *, clock: Clock | None = None) -> None:
        self._store = store
        self._rules = rules or BucketRules()
        self._clock = clock or SystemClock()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def rules(self) -> BucketRules:
        """What is taken here."""
        return self._rules

    async def initiate(
        self, file_name: str, file_size: int, *, content_type: str = "", metadata: Mapping[str, str] | None = None
    ) -> BegunUpload:
        """Open a multipart upload under a fresh key that nobody can guess.

        Args:
            file_name: the user's own name of the file; its safe form ends the key.
            file_size: bytes. Every part's size follows from it and is signed into the part's URL.
            content_type: of the object; empty: known from the extension.
            metadata: stored with the object (`x-amz-meta-…`), at most 2 KB.

        Raises:
            InvalidInput, PolicyRefused: the request is not taken.
            StoreRefused, StoreUnavailable: the store does not open it.
        """
        name = check_file_name(file_name, field="filename")
        kind = self._rules.content_type_of(name, content_type)
        plan = plan_parts(file_size, part_size=self._rules.part_size, limits=self._store.limits)
        self._rules.policy.check(file_name=name, file_size=file_size, content_type=kind)
        key = self._rules.keys.of_upload(name, plan, file_id=uuid4(), created=self._clock.now())
        upload_id = await self._store.create_upload(
            key, content_type=kind, token=new_token(), metadata=check_object_metadata(metadata or {})
        )
        self._remember(upload_id, key)
        return BegunUpload(upload_id=upload_id, key=key, plan=plan)

    async def sign_parts(self, upload_id: str, key: str, part_numbers: Sequence[int]) -> SignedParts:
        """Presign the PUT of some parts, each with its exact size.

        Args:
            upload_id, key: as `initiate` answered them.
            part_numbers: from 1 to the plan's count; duplicates are collapsed.

        Raises:
            InvalidInput: a number is not in the plan, or the key or the id is none of ours.
            UploadGone: the store knows no such upload under this key.
        """
        plan = self._plan(upload_id, key)
        numbers = dict.fromkeys(part_numbers)
        for number in (min(numbers, default=1), max(numbers, default=1)):  # all others lie between them
            plan.check_part_number(number)
        if (upload_id, key) not in self._known:
            await self._store.list_parts(key, upload_id)
            self._remember(upload_id, key)
        wanted = _PartsToSign(plan, list(numbers))
        return await self._store.sign_parts(key, upload_id, wanted, expires_in=self._rules.url_expiry)

    async def list_parts(self, upload_id: str, key: str) -> PartsHeld:
        """What the store holds of an upload, and what is missing.

        Raises:
            InvalidInput: the key or the id is none of ours.
            UploadGone: the store knows no such upload under this key.
        """
        plan = self._plan(upload_id, key)
        return compare_with_plan(plan, await self._store.list_parts(key, upload_id))

    async def complete(self, upload_id: str, key: str, parts: Sequence[ClaimedPart] | None = None) -> StoredObject:
        """Join the parts into the object and look at it. Twice gives the same answer.

        Args:
            upload_id, key: as `initiate` answered them.
            parts: what the client sent, all of them in order; None: it does not say. The store's listing decides.

        Raises:
            InvalidInput: `parts` is empty, unordered or incomplete, or holds what is no ETag (code `invalid_parts`).
            PartsMissing, PartsDisagree: the store holds other parts; the upload stays open.
            UploadGone: the store knows no such upload under this key, and there is no finished object.
            StoreError: the object is not what was planned; it was removed.
        """
        plan = self._plan(upload_id, key)
        claims = {} if parts is None else check_claims(plan, parts)
        try:
            held = compare_with_plan(plan, await self._store.list_parts(key, upload_id), claims=claims)
            require_right(held)
            await self._store.complete_upload(key, upload_id, held.parts)
        except UploadGone:
            stored = await self._store.head(key)  # joined before: by a request whose answer was lost, or by a rival
            if stored is None:
                raise
        except StoreRefused:
            stored = await self._store.head(key)
            if stored is None:
                raise
        else:
            stored = await self._store.head(key)
        self._known.pop((upload_id, key), None)
        if stored is None:
            raise ObjectGone("The object was removed as soon as it was there; upload the file again.")
        if stored.size != plan.file_size:
            await self._store.delete(key)
            raise StoreError(
                f"The object has {stored.size} bytes, not the {plan.file_size} that were planned, and was removed; "
                "upload the file again.",
                code="wrong_size",
            )
        return stored

    async def abort(self, upload_id: str, key: str) -> None:
        """Give an upload up and drop its parts.

        Raises:
            InvalidInput: the key or the id is none of ours.
            UploadGone: the store knows no such upload under this key: nothing is left to drop.
        """
        check_upload_id(upload_id)
        self._rules.keys.check(key)
        await self._store.list_parts(key, upload_id)  # an abort of what is not there would look like one that worked
        await self._store.abort_upload(key, upload_id)
        self._known.pop((upload_id, key), None)

    async def clean_up(self, *, older_than: timedelta, prefix: str | None = None) -> AsyncIterator[ListedUpload]:
        """Abort the uploads below our prefix that were begun so long ago, page after page, and give each of them.

        Args:
            older_than: an upload that was begun later stays.
            prefix: narrower than our own.

        Raises:
            InvalidInput: the prefix is not below ours, or the age is negative.
            StoreUnavailable, StoreRefused: the store ends the walk; what was given so far is aborted.
        """
        if older_than < timedelta(0):
            raise InvalidInput("days_old is negative; 0 aborts every open upload.", field="days_old")
        if not isinstance(self._store, UploadListing):
            raise StoreError("This store cannot list its open uploads.", code="not_supported")
        begun_before = self._clock.now() - older_than
        wanted = self._rules.keys.check_prefix(prefix)
        cursor: str | None = None
        while True:
            page = await self._store.list_uploads(wanted, cursor=cursor)
            for upload in page.uploads:
                if upload.initiated <= begun_before:
                    await self._store.abort_upload(upload.key, upload.upload_id)
                    self._known.pop((upload.upload_id, upload.key), None)
                    yield upload
            if page.next is None:
                return
            cursor = page.next

    def _plan(self, upload_id: str, key: str) -> PartPlan:
        check_upload_id(upload_id)
        return self._rules.keys.plan_of(key, limits=self._store.limits)

    def _remember(self, upload_id: str, key: str) -> None:
        self._known[upload_id, key] = None
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


class _PartsToSign(Sequence[PartToSign]):
    """Parts of a plan, each made when it is its turn: a thousand that live at once keep the garbage collector busy."""

    def __init__(self, plan: PartPlan, numbers: Sequence[int]) -> None:
        self._plan = plan
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __iter__(self) -> Iterator[PartToSign]:
        plan, size, last = self._plan, self._plan.part_size, self._plan.num_parts
        new = tuple.__new__  # the part's own constructor and the plan's methods would take twice as long
        for number in self._numbers:
            yield new(PartToSign, (number, size if number < last else plan.size_of(number), None, (number - 1) * size))


def check_claims(plan: PartPlan, parts: Sequence[ClaimedPart]) -> dict[int, ClaimedPart]:
    """Part number → what the client says of it, if it names every part of the plan once and in order.

    Raises:
        InvalidInput: it does not, or an ETag is none (code `invalid_parts`).
    """
    numbers = [part.part_number for part in parts]
    if not numbers:
        raise _invalid_parts("is empty; name every part with its ETag, in order")
    for part in parts:
        plan.check_part_number(part.part_number)
        if part.etag and not _ETAG.fullmatch(part.etag):
            raise _invalid_parts(f"holds for part {part.part_number} what is no ETag; send it as the store gave it")
    if len(set(numbers)) != len(numbers):
        raise _invalid_parts("names a part twice; name each once")
    if numbers != sorted(numbers):
        raise _invalid_parts("is not in the order of the part numbers; sort it")
    if len(numbers) != plan.num_parts:
        raise _invalid_parts(f"names {len(numbers)} parts; this upload has {plan.num_parts}. Name every one")
    return {part.part_number: part for part in parts}


def _invalid_parts(problem: str) -> InvalidInput:
    return InvalidInput(f"parts {problem}.", field="parts", code="invalid_parts")
