"""The JSON that we answer with, as plain dicts: lists of a thousand URLs are written past any model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from partway.core.events import Progress
from partway.core.file import File
from partway.core.limits import Standing
from partway.core.parts import StoredPart
from partway.core.ports import FilePage, SignedPart, SignedParts, StoredObject
from partway.core.uploads import BegunUpload, UploadState


class Addresses:
    """Where this API stands, as its clients see it.

    Args:
        origin: scheme, host and root path, without a slash at the end: `https://files.example.com`.
        prefix: of the API: `/v1`.
    """

    def __init__(self, *, origin: str, prefix: str) -> None:
        self._origin = origin
        self._prefix = prefix

    def absolute(self, url: str) -> str:
        """A store's URL; one that begins with `/` belongs to our own origin."""
        return self._origin + url if url.startswith("/") else url

    def file(self, file: File) -> str:
        """Where a file is downloaded."""
        return f"{self._origin}{self._prefix}/files/{file.id}/download"

    def public_file(self, file: File) -> str | None:
        """Where anybody may fetch a file; None if it is not public."""
        return f"{self._origin}{self._prefix}/files/{file.id}/public" if file.is_public else None

    def page(self, query: Iterable[tuple[str, str]], cursor: str | None) -> str | None:
        """Where another page of a listing is."""
        if cursor is None:
            return None
        kept = [(name, value) for name, value in query if name != "cursor"]
        return f"{self._origin}{self._prefix}/files?{urlencode([*kept, ('cursor', cursor)])}"


def begun_upload_json(begun: BegunUpload, addresses: Addresses) -> dict[str, Any]:
    """The answer to an initiation."""
    file = begun.file
    return {
        "id": str(file.id),
        "upload_id": file.upload_id,
        "s3_key": file.key,
        "part_size": file.part_size,
        "num_parts": file.num_parts,
        **signed_parts_json(begun.signed, addresses),
        "upload_status": file.upload_status,
        "checksum_algorithm": file.checksum_algorithm,
        "expires": time_json(file.expires),
    }


def signed_parts_json(signed: SignedParts, addresses: Addresses) -> dict[str, Any]:
    """Presigned URLs, which `wire.writing` writes out."""
    parts = signed.parts
    if parts and parts[0].url.startswith("/"):
        parts = [part._replace(url=addresses.absolute(part.url)) for part in parts]
    return {"presigned_urls": parts, "expires_in": signed.expires_in}


def signed_part_json(part: SignedPart) -> dict[str, Any]:
    """One presigned URL."""
    number, url, size, headers = part
    return {"part_number": number, "url": url, "size": size, "headers": headers}


def plain_json(value: object) -> object:
    """A presigned URL, or a sequence of them, when its turn to be written comes (orjson's `default`)."""
    if isinstance(value, SignedPart):
        return signed_part_json(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def upload_state_json(state: UploadState) -> dict[str, Any]:
    """An upload's plan and what the store holds of it."""
    file, held = state.file, state.held
    return {
        "id": str(file.id),
        "upload_id": file.upload_id,
        "upload_status": file.upload_status,
        "failure": file.failure,
        "file_name": file.file_name,
        "file_size": file.file_size,
        "file_content_type": file.file_content_type,
        "s3_key": file.key,
        "part_size": file.part_size,
        "num_parts": file.num_parts,
        "checksum_algorithm": file.checksum_algorithm,
        "fingerprint": file.fingerprint,
        "expires": time_json(file.expires),
        "uploaded_parts": [_part_json(part) for part in held.parts],
        "uploaded_size": held.size,
    }


def progress_json(progress: Progress) -> dict[str, Any]:
    """How far an upload has come."""
    return {
        "uploaded_parts": progress.uploaded_parts,
        "num_parts": progress.num_parts,
        "uploaded_size": progress.uploaded_size,
        "file_size": progress.file_size,
    }


def file_json(file: File, addresses: Addresses) -> dict[str, Any]:
    """A file."""
    return {
        "id": str(file.id),
        "name": file.name,
        "description": file.description,
        "file_name": file.file_name,
        "file_size": file.file_size,
        "file_content_type": file.file_content_type,
        "detected_content_type": file.detected_content_type,
        "s3_key": file.key,
        "url": addresses.file(file),
        "public_url": addresses.public_file(file),
        "etag": file.etag,
        "checksum": file.checksum,
        "metadata": file.metadata,
        "is_public": file.is_public,
        "upload_status": file.upload_status,
        "failure": file.failure,
        "created_by": file.created_by,
        "created_by_name": file.created_by_name,
        "created": time_json(file.created),
        "modified": time_json(file.modified),
        "completed": time_json(file.completed),
        "deleted": time_json(file.deleted),
        "parent_content_type": file.parent_content_type,
        "parent_object_id": _object_id_json(file.parent_object_id),
        "copied_from": file.copied_from,
    }


def metadata_json(file: File, stored: StoredObject) -> dict[str, Any]:
    """What the record and the store say of a file, side by side."""
    return {
        "id": str(file.id),
        "content_type": file.file_content_type,
        "file_size": file.file_size,
        "last_modified": time_json(stored.last_modified),
        "metadata": file.metadata,
        "etag": file.etag,
        "checksum": file.checksum,
        "encryption": stored.encryption,
        "storage_class": stored.storage_class,
        "store": {
            "s3_key": stored.key,
            "content_type": stored.content_type,
            "file_size": stored.size,
            "last_modified": time_json(stored.last_modified),
            "metadata": stored.metadata,
            "etag": stored.etag,
            "checksum": stored.checksum,
            "encryption": stored.encryption,
            "storage_class": stored.storage_class,
        },
    }


def usage_json(standing: Standing) -> dict[str, Any]:
    """What an owner uses and may use."""
    usage, quota = standing.usage, standing.quota
    return {
        "bytes": usage.bytes,
        "files": usage.files,
        "open_uploads": usage.open_uploads,
        "quota_bytes": quota.bytes,
        "quota_uploads": quota.uploads,
        "bytes_left": None if quota.bytes is None else max(0, quota.bytes - usage.bytes),
    }


def page_json(page: FilePage, query: Iterable[tuple[str, str]], addresses: Addresses) -> dict[str, Any]:
    """One page of files, with the addresses of its neighbours."""
    query = list(query)
    return {
        "results": [file_json(file, addresses) for file in page.files],
        "next": addresses.page(query, page.next),
        "previous": addresses.page(query, page.previous),
    }


def time_json(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with a Z."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _part_json(part: StoredPart) -> dict[str, Any]:
    return {"part_number": part.part_number, "size": part.size, "etag": part.etag, "checksum": part.checksum}


def _object_id_json(object_id: str | None) -> str | int | None:
    """A parent's id as it was sent: integers are numbers on the wire."""
    if object_id is not None and object_id.isascii() and object_id.isdecimal() and str(int(object_id)) == object_id:
        return int(object_id)
    return object_id
