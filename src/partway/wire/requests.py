"""The JSON bodies that clients send. Types are checked strictly here; ranges and rules are the core's."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from partway.core.checksums import ChecksumAlgorithm
from partway.core.copies import NewCopy
from partway.core.initiation import NewUpload
from partway.core.parts import ClaimedPart, StoredPart, plain_etag

MAX_BATCH = 1000  #: files in one batch
MAX_PARTS = 10_000  #: entries in one list of parts
_MAX_SIZE = 2**63 - 1


def _object_id(value: object) -> object:
    """Ids of parents may be numbers or texts on the wire; within, they are texts."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Size = Annotated[StrictInt, Field(ge=0, le=_MAX_SIZE, description="bytes")]
PartNumber = Annotated[StrictInt, Field(ge=1, le=MAX_PARTS)]
ObjectId = Annotated[StrictStr | None, BeforeValidator(_object_id, json_schema_input_type=str | int | None)]


class Body(BaseModel):
    """A JSON object; fields that it does not know are ignored, so that newer clients get along."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class InitiateBody(Body):
    """Begins an upload."""

    file_name: StrictStr = Field(description="the user's own name of the file, without a path", examples=["video.mp4"])
    file_size: Size
    file_content_type: StrictStr = Field(description="media type; empty: unknown", examples=["video/mp4"])
    num_parts: Annotated[StrictInt, Field(ge=0, le=_MAX_SIZE)] | None = None
    part_size: Size | None = None
    presign_parts: Annotated[StrictInt, Field(ge=0, le=MAX_PARTS)] | None = None
    checksum_algorithm: ChecksumAlgorithm | None = None
    part_checksums: Annotated[list[StrictStr], Field(max_length=MAX_PARTS)] = []
    name: StrictStr | None = None
    description: StrictStr | None = None
    metadata: dict[StrictStr, Any] | None = None
    folder: StrictStr | None = None
    is_public: StrictBool = False
    fingerprint: StrictStr | None = None
    parent_content_type: StrictStr | None = None
    parent_object_id: ObjectId = None

    def as_new_upload(self) -> NewUpload:
        """The request in the core's words."""
        return NewUpload(
            file_name=self.file_name,
            file_size=self.file_size,
            file_content_type=self.file_content_type,
            num_parts=self.num_parts,
            part_size=self.part_size,
            presign_parts=self.presign_parts,
            checksum_algorithm=self.checksum_algorithm,
            part_checksums=self.part_checksums,
            name=self.name,
            description=self.description or "",
            metadata=self.metadata or {},
            folder=self.folder or "",
            is_public=self.is_public,
            fingerprint=self.fingerprint,
            parent_content_type=self.parent_content_type,
            parent_object_id=self.parent_object_id,
        )


class PresignBody(Body):
    """Asks for fresh URLs."""

    part_numbers: Annotated[list[PartNumber], Field(min_length=1, max_length=MAX_PARTS)]
    checksums: Annotated[list[StrictStr], Field(max_length=MAX_PARTS)] = []


class ReportedPart(Body):
    """A part that the client says it has sent."""

    part_number: PartNumber
    etag: StrictStr = Field("", max_length=200)
    size: Size = 0

    def as_stored_part(self) -> StoredPart:
        """The report in the core's words."""
        return StoredPart(part_number=self.part_number, size=self.size, etag=plain_etag(self.etag))


class ReportBody(Body):
    """Reports parts."""

    parts: Annotated[list[ReportedPart], Field(min_length=1, max_length=MAX_PARTS)]


class SentPart(Body):
    """A part that the client sent, with the ETag that it got for it."""

    part_number: PartNumber
    etag: StrictStr = Field("", max_length=200)
    checksum: StrictStr | None = None


class CompleteBody(Body):
    """Completes an upload, with or without the ETags that the client collected."""

    parts: Annotated[list[SentPart], Field(max_length=MAX_PARTS)] | None = None

    def claims(self) -> list[ClaimedPart]:
        """The parts in the core's words."""
        return [ClaimedPart(part.part_number, part.etag, part.checksum) for part in self.parts or ()]


class PatchBody(Body):
    """Changes a file. What is absent stays."""

    name: StrictStr | None = None
    description: StrictStr | None = None
    metadata: dict[StrictStr, Any] | None = None
    is_public: StrictBool | None = None

    def changes(self) -> dict[str, Any]:
        """The fields that were sent and are not null."""
        return self.model_dump(exclude_unset=True, exclude_none=True)


class BatchInitiateBody(Body):
    """Begins many uploads of small files."""

    files: Annotated[list[InitiateBody], Field(min_length=1, max_length=MAX_BATCH)]


class BatchCompleteBody(Body):
    """Completes many uploads."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_BATCH)]


class ParentBody(Body):
    """Attaches a file to an object of the application; null for both detaches it."""

    parent_content_type: StrictStr | None
    parent_object_id: ObjectId


class CopyBody(Body):
    """Copies a file. What is absent is the source's."""

    new_folder: StrictStr | None = None
    new_name: StrictStr | None = None
    new_metadata: dict[StrictStr, Any] | None = None

    def as_new_copy(self) -> NewCopy:
        """The request in the core's words."""
        return NewCopy(folder=self.new_folder or "", name=self.new_name, metadata=self.new_metadata)


class BulkDeleteBody(Body):
    """Deletes many files."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_BATCH)]
    hard_delete: StrictBool = False
