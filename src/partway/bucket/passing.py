"""Uploads whose bytes pass through us, part by part: for the few that the application has to see itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator
from uuid import uuid4

from partway.bucket.objects import BucketObjects, Naming
from partway.core.file import new_token
from partway.core.keys import check_file_name, safe_name
from partway.core.parts import StoredPart
from partway.core.ports import PartToSign, PartWrites, StoredObject
from partway.errors import ObjectGone, PartwayError, PolicyRefused, StoreError


class Bucket(BucketObjects):
    """A store and the rules for what is put into it; nothing else is remembered.

    Over an asynchronous store its verbs are awaited; over a blocking one they never suspend (`BlockingBucket`).

    Args:
        store: where the objects lie.
        rules: what is taken, and where; see `BucketRules`.
        clock: the time of day.
    """

    async def upload(self, file_name: str, chunks: AsyncIterable[bytes], *, content_type: str = "") -> StoredObject:
        """Store an object whose bytes come to us. Memory holds one part, whatever the file's size.

        If anything goes wrong, neither an object nor an open upload stays.

        Args:
            file_name: the user's own name of the file; its safe form ends the key.
            chunks: the bytes as they come.
            content_type: of the object; empty: known from the extension.

        Raises:
            InvalidInput, PolicyRefused: the file is not taken; too large a one is noticed on the way.
            StoreError: the store does not take it, or no parts from us (code `not_supported`).
        """
        name = check_file_name(file_name, field="filename")
        kind = self._rules.content_type_of(name, content_type)
        self._rules.policy.check(file_name=name, file_size=0, content_type=kind)
        if not isinstance(self._store, PartWrites):
            raise StoreError("This store takes no bytes from us.", code="not_supported")
        key = self._rules.keys.prefix + Naming.JOINED.value.format(id=uuid4(), name=safe_name(name))
        upload_id = await self._store.create_upload(key, content_type=kind, token=new_token())
        try:
            parts = await self._pass_on(self._store, key, upload_id, chunks)
            await self._store.complete_upload(key, upload_id, parts)
            stored = await self._store.head(key)
        except BaseException:
            with contextlib.suppress(PartwayError):  # what cannot be dropped now is dropped by `clean_up`
                await self._store.abort_upload(key, upload_id)
            raise
        if stored is None:
            raise ObjectGone("The object was removed as soon as it was there; upload the file again.")
        return stored

    async def _pass_on(
        self, store: PartWrites, key: str, upload_id: str, chunks: AsyncIterable[bytes]
    ) -> list[StoredPart]:
        parts: list[StoredPart] = []
        offset = 0
        part_size = max(self._rules.part_size, self._store.limits.min_part_size)
        async for body in _in_parts(chunks, part_size):
            part = PartToSign(len(parts) + 1, len(body), offset=offset)
            offset += len(body)
            self._check_size(offset, part.part_number)
            parts.append(await store.write_part(key, upload_id, part, body))
        return parts

    def _check_size(self, size: int, part_number: int) -> None:
        most = self._rules.policy.max_file_size
        if most is not None and size > most:
            raise PolicyRefused(
                f"The file has more than the {most} bytes that are allowed.", code="file_too_large", max_file_size=most
            )
        if part_number > self._store.limits.max_parts:
            raise PolicyRefused(
                f"The file has more than {self._store.limits.max_parts} parts of {self._rules.part_size} bytes; "
                "upload it directly.",
                code="file_too_large",
            )


async def _in_parts(chunks: AsyncIterable[bytes], part_size: int) -> AsyncIterator[bytes]:
    """The same bytes in pieces of exactly `part_size`, the last shorter; an empty file is one empty piece."""
    gathered = bytearray()
    given = False
    async for chunk in chunks:
        gathered += chunk
        while len(gathered) >= part_size:
            yield bytes(gathered[:part_size])
            given = True
            del gathered[:part_size]
    if gathered or not given:
        yield bytes(gathered)
