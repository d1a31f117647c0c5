"""What a caller may upload."""

from __future__ import annotations

import re
from dataclasses import dataclass

from partway.core.keys import extension_of
from partway.core.media_types import canonical
from partway.errors import InvalidInput, PolicyRefused

# RFC 6838, section 4.2: restricted names of at most 127 characters; parameters are dropped, not stored.
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
DEFAULT_CONTENT_TYPE = "application/octet-stream"


def check_content_type(content_type: str, *, field: str = "file_content_type") -> str:
    """The media type in lower case without parameters; an empty one becomes `application/octet-stream`.

    Browsers leave the type empty when they do not know it, so an empty one is no error.

    Args:
        content_type: as declared.
        field: what it is called on the wire, for the error.

    Raises:
        InvalidInput: it is not a media type.
    """
    plain = content_type.split(";", 1)[0].strip().lower()
    if not plain:
        return DEFAULT_CONTENT_TYPE
    if not _MEDIA_TYPE.fullmatch(plain):
        raise InvalidInput(
            f"{field} is not a media type such as video/mp4; leave it empty if it is not known.",
            field=field,
            code="invalid_content_type",
        )
    return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPolicy:
    """Limits on what is taken. The defaults take everything that the store takes."""

    max_file_size: int | None = None  #: bytes
    allowed_extensions: frozenset[str] | None = None  #: lower case, without dots
    allowed_content_types: frozenset[str] | None = None  #: media types; `image/*` takes all images

    def check(self, *, file_name: str, file_size: int, content_type: str) -> None:
        """Raise `PolicyRefused` if the policy does not take this file; the code says which rule."""
        if self.max_file_size is not None and file_size > self.max_file_size:
            raise PolicyRefused(
                f"The file has {file_size} bytes; at most {self.max_file_size} are allowed.",
                code="file_too_large",
                max_file_size=self.max_file_size,
            )
        extension = extension_of(file_name)
        if self.allowed_extensions is not None and extension not in self.allowed_extensions:
            raise PolicyRefused(
                f"Files with the extension '{extension}' are not taken. Allowed: {_listed(self.allowed_extensions)}.",
                code="extension_not_allowed",
                allowed_extensions=sorted(self.allowed_extensions),
            )
        if self.allowed_content_types is not None and not self.takes_type(content_type):
            raise PolicyRefused(
                f"File type {content_type} not allowed. Allowed types: {_listed(self.allowed_content_types)}.",
                code="content_type_not_allowed",
                allowed_content_types=sorted(self.allowed_content_types),
            )

    def takes_type(self, content_type: str) -> bool:
        """Whether a media type is allowed, under whichever of its names: Windows calls a zip `x-zip-compressed`."""
        if self.allowed_content_types is None:
            return True
        names = {content_type, canonical(content_type)}
        return bool(
            {canonical(name) for name in self.allowed_content_types} & names
            or {"*/*", *(f"{name.split('/', 1)[0]}/*" for name in names)} & self.allowed_content_types
        )


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
