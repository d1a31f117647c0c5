"""Requests and answers of the stateless level, for routes and for type checkers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from partway.core.parts import ClaimedPart
from partway.errors import InvalidInput

MAX_PARTS = 10_000  #: entries of one list of parts
_MAX_SIZE = 2**63 - 1


def _digits(value: object) -> object:
    """Numbers in a query are texts; only ASCII digits make one."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value


Number = Annotated[StrictInt, BeforeValidator(_digits, json_schema_input_type=int)]


class _Request(BaseModel):
    """A JSON object; fields that it does not know are ignored, so that newer clients get along."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class InitiateUploadRequest(_Request):
    """Begins a multipart upload."""

    filename: StrictStr = Field(description="the user's own name of the file, without a path", examples=["video.mp4"])
    file_size: Annotated[Number, Field(ge=0, le=_MAX_SIZE, description="bytes")]
    content_type: StrictStr | None = Field(None, examples=["video/mp4"])
    metadata: dict[StrictStr, StrictStr] | None = None


class PresignedUrlRequest(_Request):
    """Asks for the URL of one part (`part_number`), or of many (`part_numbers`)."""

    upload_id: StrictStr
    key: StrictStr
    part_number: Number | None = None
    part_numbers: Annotated[list[Number], Field(min_length=1, max_length=MAX_PARTS)] | None = None

    def wanted(self) -> list[int]:
        """The parts' numbers.

        Raises:
            InvalidInput: there are none, or both fields are there.
        """
        if (self.part_number is None) == (self.part_numbers is None):
            raise InvalidInput("Send part_number for one part, or part_numbers for many.", field="part_number")
        return [self.part_number] if self.part_number is not None else list(self.part_numbers or ())


class PartInfo(_Request):
    """A part that the client sent, with the ETag that it got for it."""

    PartNumber: Number = Field(validation_alias=AliasChoices("PartNumber", "part_number"))
    ETag: StrictStr = Field("", validation_alias=AliasChoices("ETag", "etag"), max_length=300)

    def claim(self) -> ClaimedPart:
        """The part in the core's words."""
        return ClaimedPart(self.PartNumber, self.ETag)


class UploadRequest(_Request):
    """Names an upload."""

    upload_id: StrictStr
    key: StrictStr


class CompleteUploadRequest(UploadRequest):
    """Completes an upload. Without `parts` the store's own listing is enough."""

    parts: Annotated[list[PartInfo], Field(max_length=MAX_PARTS)] | None = None

    def claims(self) -> list[ClaimedPart] | None:
        """The parts in the core's words; None: the client does not say."""
        return None if self.parts is None else [part.claim() for part in self.parts]


class UploadFormRequest(_Request):
    """Asks for what an HTML form needs."""

    filename: StrictStr = Field(examples=["document.pdf"])
    content_type: StrictStr | None = Field(None, examples=["application/pdf"])


class UploadUrlRequest(UploadFormRequest):
    """Asks where to PUT one file."""

    file_size: Annotated[Number, Field(ge=0, le=_MAX_SIZE, description="bytes; signed if given")] | None = None
    once: bool = Field(False, description="the URL creates the file and never overwrites it; send all `headers`")


class DownloadUrlRequest(_Request):
    """Asks where to GET one file."""

    file_key: StrictStr = Field(examples=["uploads/0193…-document.pdf"])


class InitiateUploadResponse(BaseModel):
    """A begun multipart upload."""

    upload_id: str
    key: str
    bucket: str
    parts_count: int
    part_size: int  #: bytes of every part but the last


class PresignedUrlResponse(BaseModel):
    """Where one part goes: PUT with exactly `size` bytes and all `headers`."""

    url: str
    part_number: int
    expires_in: int  #: seconds
    size: int  #: bytes
    headers: dict[str, str]


class PresignedPartAnswer(BaseModel):
    """One of many URLs."""

    url: str
    part_number: int
    size: int  #: bytes
    headers: dict[str, str]


class PresignedUrlsAnswer(BaseModel):
    """Where many parts go."""

    presigned_urls: list[PresignedPartAnswer]
    expires_in: int  #: seconds


class HeldPart(BaseModel):
    """A part that the store holds."""

    PartNumber: int
    ETag: str
    Size: int  #: bytes


class PartsAnswer(BaseModel):
    """What the store holds of an upload."""

    parts: list[HeldPart]
    missing: list[int]
    uploaded_size: int  #: bytes


class AbortAnswer(BaseModel):
    """A dropped upload."""

    success: bool
    upload_id: str
    key: str


class CompleteUploadResponse(BaseModel):
    """A finished upload."""

    success: bool
    location: str
    key: str
    bucket: str
    etag: str
    size: int  #: bytes


class S3FileInfo(BaseModel):
    """One object of a listing."""

    key: str
    filename: str
    size: int  #: bytes
    last_modified: str  #: ISO 8601 with its offset
    etag: str | None = None


class ListFilesResponse(BaseModel):
    """One page of a listing. What only a walk through the whole bucket could tell is None until the last page."""

    files: list[S3FileInfo]
    total_count: int | None
    page: int | None  #: None: asked by cursor
    page_size: int
    total_pages: int | None
    next_cursor: str | None


class AbortedUpload(BaseModel):
    """An incomplete upload that was dropped."""

    key: str
    upload_id: str
    initiated: datetime


class CleanupResult(int):
    """How many incomplete uploads were aborted, and which: a number with `uploads`."""

    uploads: tuple[AbortedUpload, ...]

    def __new__(cls, uploads: tuple[AbortedUpload, ...]) -> CleanupResult:
        result = super().__new__(cls, len(uploads))
        result.uploads = uploads
        return result


class FileEntry(BaseModel):
    """One row of `GET /files`."""

    key: str
    size: int  #: bytes
    last_modified: datetime
    etag: str


class FilesAnswer(BaseModel):
    """The answer of `GET /files`."""

    files: list[FileEntry]
    count: int  #: rows of this page
    next_cursor: str | None


class DeletedAnswer(BaseModel):
    """A deleted file."""

    message: str
    file_key: str


class FormAnswer(BaseModel):
    """What an HTML form needs: POST to `url`, the `fields` hidden, then the one named `file`."""

    url: str
    fields: dict[str, str]
    expires_in: int  #: seconds
    file_key: str


class UploadUrlAnswer(BaseModel):
    """Where to PUT one file."""

    upload_url: str
    expires_in: int  #: seconds
    file_path: str
    headers: dict[str, str]


class PresignedPutAnswer(BaseModel):
    """Where to PUT or to GET one file."""

    presigned_url: str
    expires_in: int  #: seconds
    file_key: str
    headers: dict[str, str]
