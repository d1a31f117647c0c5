"""The stateless level: direct uploads into a bucket with no database.

`Bucket` (awaited) and `BlockingBucket` stand on any store; `S3MultipartHandler` is the same as plain calls on one S3
bucket. Routes over it: `partway.fastapi.presign_router`.
"""

try:
    import pydantic as _pydantic  # noqa: F401
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("bucket", module="pydantic") from error

from partway.bucket.blocking import BlockingBucket
from partway.bucket.config import S3Config
from partway.bucket.exceptions import (
    S3DeleteError,
    S3HandlerError,
    S3InitiationError,
    S3UploadError,
    S3ValidationError,
)
from partway.bucket.handler import S3MultipartHandler
from partway.bucket.models import (
    AbortedUpload,
    CleanupResult,
    CompleteUploadRequest,
    CompleteUploadResponse,
    InitiateUploadRequest,
    InitiateUploadResponse,
    ListFilesResponse,
    PartInfo,
    PresignedUrlRequest,
    PresignedUrlResponse,
    S3FileInfo,
)
from partway.bucket.objects import Naming
from partway.bucket.passing import Bucket
from partway.bucket.rules import FILE_TYPES, BucketRules

__all__ = [
    "FILE_TYPES",
    "AbortedUpload",
    "BlockingBucket",
    "Bucket",
    "BucketRules",
    "CleanupResult",
    "CompleteUploadRequest",
    "CompleteUploadResponse",
    "InitiateUploadRequest",
    "InitiateUploadResponse",
    "ListFilesResponse",
    "Naming",
    "PartInfo",
    "PresignedUrlRequest",
    "PresignedUrlResponse",
    "S3Config",
    "S3DeleteError",
    "S3FileInfo",
    "S3HandlerError",
    "S3InitiationError",
    "S3MultipartHandler",
    "S3UploadError",
    "S3ValidationError",
]
