"""Copies and deletions of many in the store in memory; see `core.ports.ObjectCopies` and `BulkDeletes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from partway.core.ports import Clock, StoredObject
from partway.stores.refusals import object_gone


class MemoryCopies:
    """What `MemoryStore` does with objects that are there."""

    _objects: dict[str, tuple[StoredObject, bytes]]
    _clock: Clock

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
        """See `core.ports.ObjectCopies`."""
        stored, body = self._objects.get(source_key, (None, b""))
        if stored is None or stored.etag != source_etag:
            raise object_gone()
        own = {name.lower(): value for name, value in (metadata or {}).items()}
        copy = replace(
            stored, key=key, token=token, content_type=content_type, metadata=own, last_modified=self._clock.now()
        )
        self._objects[key] = (copy, body)

    async def delete_objects(self, keys: Sequence[str]) -> Mapping[str, str]:
        """See `core.ports.BulkDeletes`."""
        for key in keys:
            self._objects.pop(key, None)
        return {}
