"""Optional powers of stores over objects that are there: copying and deleting many. `core.ports` names them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class ObjectCopies(Protocol):
    """Optional power: the store copies objects itself, so that no byte comes through us."""

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
        """Copy an object of any size. The copy has this type, token and metadata, and none of the source's.

        Twice is fine. A call that is cut off may leave an open multipart upload of `key`, which `find_uploads` finds.

        Args:
            source_key: what is copied.
            key: of the copy; what lies there is replaced.
            source_etag: of the very object that is meant.
            size: of the source, bytes.

        Raises:
            ObjectGone: the source is not there, or its ETag is not `source_etag`.
        """
        ...


@runtime_checkable
class BulkDeletes(Protocol):
    """Optional power: many objects are deleted by one request."""

    async def delete_objects(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Delete up to 1,000 objects; those that are not there count as deleted.

        Returns:
            Key → the store's word for why, of those that it did not delete.
        """
        ...


@runtime_checkable
class ObjectAddresses(Protocol):
    """Optional power: objects have plain addresses, of use where the bucket is public."""

    def object_url(self, key: str) -> str:
        """The unsigned URL of an object; of a store that the service itself serves it may begin with `/`."""
        ...
