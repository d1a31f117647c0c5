"""The requests of the S3 API that the control plane needs, unsigned and without a host.

Each builder names its page of the API reference: https://docs.aws.amazon.com/AmazonS3/latest/API/API_<name>.html
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import GIB, StoredPart
from partway.s3.metadata import TOKEN_HEADER, metadata_headers
from partway.s3.object_options import ObjectOptions

_XML = {"content-type": "application/xml"}
_XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
MAX_COPY_SIZE = 5 * GIB  #: bytes; CopyObject takes no larger source
_AS_THE_BUCKET_DOES = ObjectOptions()
_LONG = 300.0  #: seconds; S3 may take minutes to join or copy large objects


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Request:
    """One request to a bucket or to an object in it."""

    method: str
    key: str = ""  #: empty: the bucket itself
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)  #: lower-case names
    body: bytes | bytearray = b""
    read_timeout: float | None = None  #: seconds without a byte of the answer; None: as usual
    once: bool = False  #: it is not sent again if the store may have done it
    body_signed: bool = True  #: the signature covers the body; else a header with its checksum has to protect it


def create_multipart_upload(
    key: str,
    *,
    content_type: str,
    token: str,
    checksum_algorithm: ChecksumAlgorithm | None,
    metadata: Mapping[str, str] | None = None,
    options: ObjectOptions = _AS_THE_BUCKET_DOES,
) -> S3Request:
    """CreateMultipartUpload."""
    headers = {"content-type": content_type, TOKEN_HEADER: token, **metadata_headers(metadata or {}), **options.headers}
    if checksum_algorithm is not None and checksum_algorithm is not ChecksumAlgorithm.MD5:
        headers["x-amz-checksum-algorithm"] = checksum_algorithm.upper()
        headers["x-amz-checksum-type"] = "FULL_OBJECT" if checksum_algorithm.joinable else "COMPOSITE"
    return S3Request(method="POST", key=key, query=[("uploads", "")], headers=headers)


def upload_part(
    key: str,
    upload_id: str,
    part_number: int,
    body: bytes | bytearray,
    *,
    checksum: str | None = None,
    checksum_algorithm: ChecksumAlgorithm | None = None,
) -> S3Request:
    """UploadPart of a body in memory. The store takes these bytes or none, by their checksum, which is signed; without
    one, by their SHA-256, which costs more.
    """
    query = [("partNumber", str(part_number)), ("uploadId", upload_id)]
    headers = {checksum_algorithm.header: checksum} if checksum and checksum_algorithm else {}
    return S3Request(
        method="PUT", key=key, query=query, headers=headers, body=body, read_timeout=_LONG, body_signed=not headers
    )


def list_parts(key: str, upload_id: str, *, marker: int = 0) -> S3Request:
    """ListParts, one page of as many as the store likes to list.

    SeaweedFS then lists all 10,000. At the end of a smaller page it would lose a part that was sent twice: it goes on
    behind the part's number.
    """
    return S3Request(method="GET", key=key, query=[("part-number-marker", str(marker)), ("uploadId", upload_id)])


def complete_multipart_upload(
    key: str,
    upload_id: str,
    parts: Iterable[StoredPart],
    *,
    checksum: str | None = None,
    checksum_algorithm: ChecksumAlgorithm | None = None,
) -> S3Request:
    """CompleteMultipartUpload, with the full object's checksum if one is given."""
    element = None
    headers = dict(_XML)
    if checksum_algorithm is not None and checksum_algorithm is not ChecksumAlgorithm.MD5:
        element = f"Checksum{checksum_algorithm.upper()}"
        if checksum is not None:
            headers |= {checksum_algorithm.header: checksum, "x-amz-checksum-type": "FULL_OBJECT"}
    listed = "".join(_part_xml(part, element) for part in parts)
    body = f'<CompleteMultipartUpload xmlns="{_XMLNS}">{listed}</CompleteMultipartUpload>'
    return S3Request(
        method="POST",
        key=key,
        query=[("uploadId", upload_id)],
        headers=headers,
        body=body.encode(),
        read_timeout=_LONG,
    )


def _part_xml(part: StoredPart, checksum_element: str | None) -> str:
    checksum = ""
    if checksum_element is not None and part.checksum is not None:
        checksum = f"<{checksum_element}>{escape(part.checksum)}</{checksum_element}>"
    etag = f"<ETag>&quot;{escape(part.etag)}&quot;</ETag>"
    return f"<Part><PartNumber>{part.part_number}</PartNumber>{etag}{checksum}</Part>"


def abort_multipart_upload(key: str, upload_id: str) -> S3Request:
    """AbortMultipartUpload."""
    return S3Request(method="DELETE", key=key, query=[("uploadId", upload_id)])


def list_multipart_uploads(
    prefix: str, *, key_marker: str = "", upload_id_marker: str = "", limit: int = 1000
) -> S3Request:
    """ListMultipartUploads, one page of at most 1,000; markers as the page before gave them."""
    query = [("encoding-type", "url"), ("max-uploads", str(limit)), ("prefix", prefix), ("uploads", "")]
    markers = [("key-marker", key_marker), ("upload-id-marker", upload_id_marker)]
    return S3Request(method="GET", query=[*query, *(marker for marker in markers if marker[1])])


def head_object(key: str) -> S3Request:
    """HeadObject, with its checksum."""
    return S3Request(method="HEAD", key=key, headers={"x-amz-checksum-mode": "ENABLED"})


def get_object(key: str, *, first: int = 0, last: int | None = None, if_match: str | None = None) -> S3Request:
    """GetObject, or a range of it; `last` is inclusive."""
    headers = {}
    if first or last is not None:
        headers["range"] = f"bytes={first}-{'' if last is None else last}"
    if if_match is not None:
        headers["if-match"] = f'"{if_match}"'
    return S3Request(method="GET", key=key, headers=headers)


def put_object(
    key: str,
    body: bytes,
    *,
    content_type: str,
    token: str,
    overwrite: bool = True,
    options: ObjectOptions = _AS_THE_BUCKET_DOES,
) -> S3Request:
    """PutObject of a small body."""
    headers = {"content-type": content_type, TOKEN_HEADER: token, **options.headers}
    if not overwrite:
        headers["if-none-match"] = "*"
    return S3Request(method="PUT", key=key, headers=headers, body=body)


def copy_object(
    key: str,
    *,
    source: str,
    source_etag: str,
    content_type: str,
    token: str,
    metadata: Mapping[str, str] | None = None,
    options: ObjectOptions = _AS_THE_BUCKET_DOES,
) -> S3Request:
    """CopyObject of up to 5 GiB, bound to the source's ETag. Type and metadata are the copy's own.

    Args:
        key: of the copy.
        source: raw path of the source, `/bucket/key`, percent-encoded.
        source_etag: without quotes.
    """
    headers = {
        "x-amz-copy-source": source,
        "x-amz-copy-source-if-match": f'"{source_etag}"',
        "x-amz-metadata-directive": "REPLACE",
        "content-type": content_type,
        TOKEN_HEADER: token,
        **metadata_headers(metadata or {}),
        **options.copy_headers,
    }
    return S3Request(method="PUT", key=key, headers=headers, read_timeout=_LONG)


def upload_part_copy(
    key: str, upload_id: str, part_number: int, *, source: str, source_etag: str, first: int, last: int
) -> S3Request:
    """UploadPartCopy of the source's bytes `first` to `last` (inclusive); see `copy_object`."""
    headers = {
        "x-amz-copy-source": source,
        "x-amz-copy-source-if-match": f'"{source_etag}"',
        "x-amz-copy-source-range": f"bytes={first}-{last}",
    }
    query = [("partNumber", str(part_number)), ("uploadId", upload_id)]
    return S3Request(method="PUT", key=key, query=query, headers=headers, read_timeout=_LONG)


def delete_object(key: str) -> S3Request:
    """DeleteObject."""
    return S3Request(method="DELETE", key=key)


def delete_objects(keys: Iterable[str]) -> S3Request:
    """DeleteObjects: up to 1,000 keys. Only failures are answered."""
    listed = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    body = f'<Delete xmlns="{_XMLNS}"><Quiet>true</Quiet>{listed}</Delete>'.encode()
    return S3Request(method="POST", query=[("delete", "")], headers=_xml_with_md5(body), body=body)


def list_objects(prefix: str, *, after: str = "", continuation: str | None = None, limit: int = 1000) -> S3Request:
    """ListObjectsV2, one page of at most 1,000: behind the key `after`, or where the store's own token goes on."""
    query = [("encoding-type", "url"), ("list-type", "2"), ("max-keys", str(limit)), ("prefix", prefix)]
    if continuation is not None:
        query.append(("continuation-token", continuation))
    elif after:
        query.append(("start-after", after))
    return S3Request(method="GET", query=query)


def head_bucket() -> S3Request:
    """HeadBucket."""
    return S3Request(method="HEAD", read_timeout=5.0)


def create_bucket(region: str) -> S3Request:
    """CreateBucket in a region; `us-east-1` is the one that must not be named."""
    if region == "us-east-1":
        return S3Request(method="PUT")
    constraint = f"<LocationConstraint>{escape(region)}</LocationConstraint>"
    body = f'<CreateBucketConfiguration xmlns="{_XMLNS}">{constraint}</CreateBucketConfiguration>'
    return S3Request(method="PUT", headers=_XML, body=body.encode())


def get_bucket_rules(subresource: str) -> S3Request:
    """GetBucketCors or GetBucketLifecycleConfiguration."""
    return S3Request(method="GET", query=[(subresource, "")])


def put_bucket_rules(subresource: str, body: bytes, headers: Mapping[str, str]) -> S3Request:
    """PutBucketCors or PutBucketLifecycleConfiguration: replaces all rules by those of a document."""
    return S3Request(method="PUT", query=[(subresource, "")], headers={**headers, **_xml_with_md5(body)}, body=body)


def delete_bucket_rules(subresource: str) -> S3Request:
    """DeleteBucketCors or DeleteBucketLifecycle: removes all rules."""
    return S3Request(method="DELETE", query=[(subresource, "")])


def _xml_with_md5(body: bytes) -> dict[str, str]:
    """S3 wants Content-MD5 on requests that change many things at once."""
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    return {**_XML, "content-md5": base64.b64encode(digest).decode()}
