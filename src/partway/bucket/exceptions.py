"""What `S3MultipartHandler` raises.

    S3HandlerError
    ├── S3ValidationError    the request is not taken: a size, a name, a type, a key, a part number
    ├── S3InitiationError    the upload could not be begun, or the handler not be set up
    ├── S3UploadError        signing, completing, aborting, listing or cleaning up failed
    └── S3DeleteError        the file could not be deleted

Each carries the code and the facts of the error behind it (`__cause__`): `store_unavailable`, `parts_missing`, …
"""

from __future__ import annotations

from typing import Self

from partway.errors import InvalidInput, PartwayError, StoreError


class S3HandlerError(PartwayError):
    """Anything that an `S3MultipartHandler` raises."""

    code = "s3_error"

    @classmethod
    def of(cls, error: PartwayError) -> Self:
        """The same error in the handler's words; the code and the facts stay."""
        return cls(error.detail, code=error.error_code, **error.facts)


class S3ValidationError(S3HandlerError, InvalidInput):  # which is what it is answered as: 422
    """The request is not taken."""

    code = "s3_validation"


class S3InitiationError(S3HandlerError, StoreError):
    """The upload could not be begun."""

    code = "s3_initiation"


class S3UploadError(S3HandlerError, StoreError):
    """Signing, completing, aborting, listing or cleaning up failed."""

    code = "s3_upload"


class S3DeleteError(S3HandlerError, StoreError):
    """The file could not be deleted."""

    code = "s3_delete"
