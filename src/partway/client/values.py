"""What a client gives back, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from partway.client.problems import error_of_problem
from partway.errors import PartwayError


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file as the service tells of it."""

    id: str  #: UUID
    name: str  #: display name
    description: str = ""
    file_name: str  #: as it was uploaded
    file_size: int  #: bytes
    file_content_type: str  #: media type
    s3_key: str = ""  #: the object's key in the bucket
    url: str = ""  #: the download address in the API
    etag: str | None = None  #: without quotes
    checksum: str | None = None  #: "crc32:base64…" of the whole file
    metadata: Mapping[str, Any]  #: the application's JSON object
    is_public: bool = False
    upload_status: str  #: pending, uploading, completing, completed, aborted or failed
    failure: str | None = None  #: a code, if it is failed
    created_by: str = ""
    created_by_name: str = ""
    created: datetime
    modified: datetime
    completed: datetime | None = None
    deleted: datetime | None = None
    parent_content_type: str | None = None
    parent_object_id: str | int | None = None
    public_url: str | None = None  #: where anybody may fetch it, if it is public
    copied_from: str | None = None  #: id of the file that this is a copy of

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the wire's form; members that are not known here are ignored."""
        known = {name: value[name] for name in _FIELDS if name in value}
        for name in _TIMES:
            if known.get(name) is not None:
                known[name] = datetime.fromisoformat(known[name])
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """The wire's form."""
        values = {name: getattr(self, name) for name in _FIELDS}
        for name in _TIMES:
            if values[name] is not None:
                values[name] = values[name].isoformat().replace("+00:00", "Z")
        return values


_FIELDS = tuple(field.name for field in fields(RemoteFile))
_TIMES = ("created", "modified", "completed", "deleted")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of many files: one of `file` and `error` is there."""

    path: str  #: as it was given
    file: RemoteFile | None = None
    error: PartwayError | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of one of many files that were to be deleted."""

    id: str
    error: PartwayError | None = None  #: None: it is deleted

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the wire's form."""
        return cls(value["id"], error_of_problem(value["error"]) if "error" in value else None)


@dataclass(frozen=True, slots=True)
class PresignedUrl:
    """A URL that gives the file's bytes to anyone, for a while."""

    url: str
    expires_in: int  #: seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvent:
    """What happened to a file, or how far its upload has come."""

    type: str  #: `upload.completed`, `upload.progress`, …
    file_id: str
    position: int | None  #: to go on behind; progress has none
    data: Mapping[str, Any]  #: of the file at that moment, or of the progress

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the wire's form."""
        return cls(type=value["type"], file_id=value["file_id"], position=value.get("position"), data=value["data"])
