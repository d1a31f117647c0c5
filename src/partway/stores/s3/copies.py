"""Copies inside the bucket and deletions by the thousand; see `core.ports.ObjectCopies` and `BulkDeletes`.

One CopyObject carries 5 GiB (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html); what is larger is
copied as a multipart upload whose parts the store reads from the source.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from partway.core.parts import MIB, PartPlan, StoredPart, plan_parts
from partway.errors import ObjectGone, PartwayError, StoreRefused
from partway.s3 import answers, requests
from partway.s3.address import encode_path
from partway.s3.refusals import raise_for
from partway.stores.s3.objects import S3Objects
from partway.stores.s3.uploads import S3Uploads

_PART_SIZE = 512 * MIB  #: bytes of a part of a copy; few enough requests, and none that takes minutes
_AT_ONCE = 8  #: parts that the store copies at a time


class S3Copies(S3Uploads, S3Objects):
    """A bucket that copies and deletes its objects itself."""

    async def copy_object(
        self,
        source_key: str,
        key: str,
        *,
        source_etag: str,
        size: int,
        token: str,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Copy an object by one request, or by a multipart upload if it is larger than `S3Settings.copy_limit`."""
        source = f"/{self._bucket}/{encode_path(source_key)}"
        if size <= self._copy_limit:
            request = requests.copy_object(
                key,
                source=source,
                source_etag=source_etag,
                content_type=content_type,
                token=token,
                metadata=metadata,
                options=self._options,
            )
            await self._copied(request)
            return
        plan = plan_parts(size, part_size=min(_PART_SIZE, self._copy_limit))
        upload_id = await self.create_upload(key, content_type=content_type, token=token, metadata=metadata)
        try:
            part = partial(self._copy_part, key, upload_id, plan=plan, source=source, source_etag=source_etag)
            deeds: list[Callable[[], Awaitable[StoredPart]]] = [partial(part, each) for each in plan.part_numbers()]
            parts = await self._calls.together(deeds, at_once=_AT_ONCE)
            await self.complete_upload(key, upload_id, parts)
        except Exception:
            with contextlib.suppress(PartwayError):
                await self.abort_upload(key, upload_id)
            raise

    async def delete_objects(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Delete up to 1,000 objects by one request."""
        if not keys:
            return {}
        answer = await self._calls.send(requests.delete_objects(keys))
        failed = answers.read_failed_deletions(answer)
        return {key: code for key, code in failed.items() if code != "NoSuchKey"}

    async def _copy_part(
        self, key: str, upload_id: str, part_number: int, *, plan: PartPlan, source: str, source_etag: str
    ) -> StoredPart:
        first, size = plan.offset_of(part_number), plan.size_of(part_number)
        request = requests.upload_part_copy(
            key, upload_id, part_number, source=source, source_etag=source_etag, first=first, last=first + size - 1
        )
        return StoredPart(part_number=part_number, size=size, etag=await self._copied(request))

    async def _copied(self, request: requests.S3Request) -> str:
        """The ETag of what a request copied. A source with another ETag is gone: it was replaced."""
        answer = await self._calls.send(request)
        try:
            raise_for(answer.status, answer.body)
        except StoreRefused as refusal:
            if refusal.facts.get("store_code") == "PreconditionFailed":
                raise ObjectGone("The store holds another object under the source's key.") from refusal
            raise
        return answers.read_copied_etag(answer)
