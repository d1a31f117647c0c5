"""The answers' shapes for the API's reference. They document; they do not carry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from partway.core.checksums import ChecksumAlgorithm
from partway.core.file import UploadStatus

#: The form of `POST /files/upload`.
UPLOAD_FORM: Mapping[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "folder": {"type": "string", "description": "send it in front of a large file"},
        "description": {"type": "string"},
        "is_public": {"type": "boolean"},
        "metadata": {"type": "string", "description": "a JSON object"},
        "parent_content_type": {"type": "string"},
        "parent_object_id": {"type": "string"},
    },
}
#: Status → what it says, where a file's bytes are answered.
BYTES_MEANINGS: Mapping[int, str] = {
    200: "the file's bytes",
    206: "a range of them",
    304: "not changed",
    416: "the range begins behind the file's end",
}
REDIRECT_MEANING = "to a presigned URL"  #: of 307
BYTES_TYPE = "application/octet-stream"


class PresignedUrl(BaseModel):
    """PUT exactly `size` bytes to `url` with all of `headers`."""

    part_number: int
    url: str
    size: int
    headers: dict[str, str]


class PresignedUrls(BaseModel):
    """URLs and the seconds that they live."""

    presigned_urls: list[PresignedUrl]
    expires_in: int


class BegunUploadAnswer(PresignedUrls):
    """A begun upload."""

    id: UUID
    upload_id: str | None
    s3_key: str
    part_size: int
    num_parts: int
    upload_status: UploadStatus
    checksum_algorithm: ChecksumAlgorithm | None
    expires: datetime


class UploadedPart(BaseModel):
    """A part that the store holds."""

    part_number: int
    size: int
    etag: str
    checksum: str | None


class UploadStateAnswer(BaseModel):
    """An upload's plan and what the store holds of it."""

    id: UUID
    upload_id: str | None
    upload_status: UploadStatus
    failure: str | None
    file_name: str
    file_size: int
    file_content_type: str
    s3_key: str
    part_size: int
    num_parts: int
    checksum_algorithm: ChecksumAlgorithm | None
    fingerprint: str | None
    expires: datetime
    uploaded_parts: list[UploadedPart]
    uploaded_size: int


class ProgressAnswer(BaseModel):
    """How far an upload has come by the client's reports."""

    uploaded_parts: int
    num_parts: int
    uploaded_size: int
    file_size: int


class FileAnswer(BaseModel):
    """A file."""

    id: UUID
    name: str
    description: str
    file_name: str
    file_size: int
    file_content_type: str
    detected_content_type: str | None
    s3_key: str
    url: str
    public_url: str | None = Field(description="where anybody may fetch it; null unless it is public")
    etag: str | None
    checksum: str | None
    metadata: dict[str, Any]
    is_public: bool
    upload_status: UploadStatus
    failure: str | None
    created_by: str
    created_by_name: str
    created: datetime
    modified: datetime
    completed: datetime | None
    deleted: datetime | None
    parent_content_type: str | None
    parent_object_id: str | int | None
    copied_from: UUID | None


class StoredObjectAnswer(BaseModel):
    """What the store says of an object."""

    s3_key: str
    content_type: str
    file_size: int
    last_modified: datetime
    metadata: dict[str, str]
    etag: str
    checksum: str | None
    encryption: str | None
    storage_class: str | None


class MetadataAnswer(BaseModel):
    """What the record and the store say of a file, side by side."""

    id: UUID
    content_type: str
    file_size: int
    last_modified: datetime
    metadata: dict[str, Any]
    etag: str | None
    checksum: str | None
    encryption: str | None
    storage_class: str | None
    store: StoredObjectAnswer


class FilePageAnswer(BaseModel):
    """One page of files."""

    results: list[FileAnswer]
    next: str | None
    previous: str | None


class UsageAnswer(BaseModel):
    """What an owner uses and may use; null: no limit."""

    bytes: int = Field(description="of all files, also of those that are being uploaded or are deleted softly")
    files: int
    open_uploads: int
    quota_bytes: int | None
    quota_uploads: int | None
    bytes_left: int | None


class UrlAnswer(BaseModel):
    """A presigned URL and the seconds that it lives."""

    url: str
    expires_in: int


class ProblemAnswer(BaseModel):
    """An error (RFC 9457). More facts may follow."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:partway:error:not_found"])
    title: str
    status: int
    code: str = Field(description="stable; programs compare this", examples=["not_found"])
    detail: str = Field(description="for people: what is wrong and what to do next")


class ItemProblem(BaseModel):
    """What went wrong with one item of a batch."""

    id: UUID | None = None
    error: ProblemAnswer


class BatchBegunAnswer(BaseModel):
    """Begun uploads, in the order asked for."""

    uploads: list[BegunUploadAnswer | ItemProblem]


class BatchCompletedAnswer(BaseModel):
    """Finished files, in the order asked for."""

    files: list[FileAnswer | ItemProblem]


class DeletedItem(BaseModel):
    """One file that is deleted."""

    id: UUID
    deleted: Literal[True]


class BulkDeleteAnswer(BaseModel):
    """What became of each file, in the order asked for."""

    results: list[DeletedItem | ItemProblem]


class NotedAnswer(BaseModel):
    """What a store's notification led to, in numbers of objects."""

    completed: int = Field(description="files that are complete now")
    failed: int = Field(description="files whose object did not pass verification")
    open: int = Field(description="files that stay as they are: the object is not there, or is being completed")
    ignored: int = Field(description="objects that no file of ours waits for")
