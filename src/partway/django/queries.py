"""What may stand in the queries of the API's URLs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from partway.core.file import UploadStatus
from partway.core.files import MAX_EXPIRY
from partway.core.ports import FileQuery


class Listing(BaseModel):
    """The query of a listing."""

    status: Literal["pending", "uploading", "completing", "completed", "aborted", "failed", "all"] = "completed"
    parent_content_type: str | None = None
    parent_object_id: str | None = None
    search: str | None = Field(None, max_length=255)
    fingerprint: str | None = Field(None, max_length=255)
    deleted: bool = False
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=500)

    def as_query(self) -> FileQuery:
        """The query in the core's words."""
        status = None if self.status == "all" else UploadStatus(self.status)
        return FileQuery(**{**self.model_dump(), "status": status, "search": self.search or None})


class Expiry(BaseModel):
    """The query of a URL."""

    expiry: int | None = Field(None, ge=1, le=MAX_EXPIRY, description="seconds")
    force_download: bool = False


class Deletion(BaseModel):
    """The query of a deletion."""

    hard_delete: bool = False


class Owner(BaseModel):
    """The query of what somebody uses."""

    owner: str | None = Field(None, max_length=255, description="for staff; else the caller")


class Delivery(BaseModel):
    """How a public file's bytes are sent."""

    as_attachment: bool = False


class PrivateDelivery(Delivery):
    """How a file's bytes are sent to its owner."""

    redirect: bool = False
