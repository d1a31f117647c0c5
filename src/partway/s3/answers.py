"""Reads what a store answers, into the core's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import unquote_plus

from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import StoredPart, plain_etag
from partway.core.ports import ListedObject, ListedUpload, StoredObject
from partway.s3.metadata import TOKEN_HEADER, read_metadata
from partway.s3.refusals import raise_for
from partway.s3.xml import Node, parse, unreadable

_KEPT = tuple(algorithm for algorithm in ChecksumAlgorithm if algorithm is not ChecksumAlgorithm.MD5)
_WHEN_UNKNOWN = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class S3Answer:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]  #: lower-case names
    body: bytes


class PartsPage(NamedTuple):
    """One page of parts."""

    parts: Sequence[StoredPart]
    next_marker: int | None  #: where the next page begins


class UploadsPage(NamedTuple):
    """One page of open multipart uploads."""

    uploads: Sequence[ListedUpload]
    next_markers: tuple[str, str] | None  #: key (empty: none) and upload id where the next page begins


class ObjectsPage(NamedTuple):
    """One page of objects."""

    objects: Sequence[ListedObject]
    more: bool
    continuation: str | None  #: the store's own token for the next page


def read_upload_id(answer: S3Answer) -> str:
    """The id of a created upload."""
    return _document(answer, "InitiateMultipartUploadResult").need("UploadId")


def read_parts(answer: S3Answer) -> PartsPage:
    """One page of ListParts."""
    document = _document(answer, "ListPartsResult")
    parts = [_part(node) for node in document.nodes("Part")]
    more = document.text("IsTruncated") == "true"
    marker = document.text("NextPartNumberMarker") or ""
    return PartsPage(parts, int(marker) if more and marker.isdigit() else None)


def read_uploads(answer: S3Answer, *, prefix: str) -> UploadsPage:
    """One page of ListMultipartUploads.

    SeaweedFS says that it encodes keys as we ask, and does not: the prefix, which it repeats, shows it.

    Args:
        answer: the store's.
        prefix: the one that was asked for.
    """
    document = _document(answer, "ListMultipartUploadsResult")
    decode = str if document.text("Prefix") == prefix else _decoder(document)
    uploads = [
        ListedUpload(decode(node.need("Key")), node.need("UploadId"), _time(node.text("Initiated")))
        for node in document.nodes("Upload")
    ]
    if document.text("IsTruncated") != "true":
        return UploadsPage(uploads, None)
    markers = (decode(document.text("NextKeyMarker") or ""), document.text("NextUploadIdMarker") or "")
    if not any(markers):  # a store that names none goes on behind the last row, as S3 does
        return UploadsPage(uploads, (uploads[-1].key, uploads[-1].upload_id) if uploads else None)
    return UploadsPage(uploads, markers)


def read_objects(answer: S3Answer) -> ObjectsPage:
    """One page of ListObjectsV2."""
    document = _document(answer, "ListBucketResult")
    decode = _decoder(document)
    objects = [
        ListedObject(
            decode(node.need("Key")),
            node.number("Size"),
            plain_etag(node.text("ETag") or ""),
            _time(node.text("LastModified")),
        )
        for node in document.nodes("Contents")
    ]
    return ObjectsPage(objects, document.text("IsTruncated") == "true", document.text("NextContinuationToken"))


def read_object_headers(key: str, headers: Mapping[str, str], *, size: int | None = None) -> StoredObject:
    """What the headers of HEAD or GET say of an object.

    Args:
        key: the object's.
        headers: lower-case names.
        size: of the whole object, if `content-length` is that of a range.
    """
    modified = headers.get("last-modified")
    return StoredObject(
        key=key,
        size=content_length(headers) if size is None else size,
        etag=plain_etag(headers.get("etag", "")),
        content_type=headers.get("content-type", "application/octet-stream"),
        last_modified=parsedate_to_datetime(modified) if modified else _WHEN_UNKNOWN,
        token=headers.get(TOKEN_HEADER),
        checksum=_full_checksum(headers),
        metadata=read_metadata(headers),
        encryption=headers.get("x-amz-server-side-encryption"),
        storage_class=headers.get("x-amz-storage-class"),
    )


def read_sent_part(answer: S3Answer, *, part_number: int, size: int) -> StoredPart:
    """What the answer to an UploadPart of `size` bytes says.

    Raises:
        UploadGone, StoreRefused, StoreUnavailable: it was not taken.
    """
    raise_for(answer.status, answer.body)
    etag = plain_etag(answer.headers.get("etag", ""))
    if not etag:
        raise unreadable("it has no ETag")
    sums = (answer.headers.get(algorithm.header) for algorithm in _KEPT)
    return StoredPart(
        part_number=part_number, size=size, etag=etag, checksum=next((each for each in sums if each), None)
    )


def content_length(headers: Mapping[str, str]) -> int:
    """Bytes of the body.

    Raises:
        StoreRefused: the store does not say (code `store_answer_unreadable`).
    """
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        raise unreadable("it has no Content-Length")
    return int(length)


def whole_size(headers: Mapping[str, str]) -> int | None:
    """Bytes of the whole object, as the `Content-Range` of a range says (RFC 9110, section 14.4); None without one."""
    _, _, size = headers.get("content-range", "").rpartition("/")
    return int(size) if size.isascii() and size.isdigit() else None


def read_copied_etag(answer: S3Answer) -> str:
    """The ETag of a copied object or part."""
    return plain_etag(_document(answer).need("ETag"))


def read_failed_deletions(answer: S3Answer) -> dict[str, str]:
    """Key → code of those that DeleteObjects could not delete."""
    return {node.need("Key"): node.text("Code") or "" for node in _document(answer, "DeleteResult").nodes("Error")}


def _document(answer: S3Answer, root: str | None = None) -> Node:
    raise_for(answer.status, answer.body)
    return parse(answer.body, root=root)


def _part(node: Node) -> StoredPart:
    sums = (node.text(f"Checksum{algorithm.upper()}") for algorithm in _KEPT)
    return StoredPart(
        part_number=node.number("PartNumber"),
        size=node.number("Size"),
        etag=plain_etag(node.need("ETag")),
        checksum=next((each for each in sums if each), None),
        last_modified=_time(node.text("LastModified")),
    )


def _full_checksum(headers: Mapping[str, str]) -> str | None:
    """`crc32:base64…`, if the store keeps a checksum of the full object (and not one of its parts' checksums)."""
    if headers.get("x-amz-checksum-type", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    found = ((algorithm, headers.get(algorithm.header)) for algorithm in _KEPT)
    return next((f"{algorithm}:{value}" for algorithm, value in found if value and "-" not in value), None)


def _time(text: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return _WHEN_UNKNOWN
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decoder(document: Node) -> Callable[[str], str]:
    """How keys are written in a listing: as they are, or as in a form (`+` is a space), as we ask for."""
    return unquote_plus if document.text("EncodingType") == "url" else str
