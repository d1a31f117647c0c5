"""What may be put into a bucket, and how long its URLs live."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from partway.bucket.keys import BucketKeys
from partway.core.keys import extension_of
from partway.core.parts import MIB
from partway.core.policy import DEFAULT_CONTENT_TYPE, UploadPolicy, check_content_type
from partway.errors import Misconfigured, PolicyRefused

#: A table for applications that take everyday documents and media: extension → the type that such a file has.
FILE_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".png": "image/png",
        ".gif": "image/gif",
        ".pdf": "application/pdf",
        ".txt": "text/plain",
        ".doc": "application/msword",
        ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ".mp4": "video/mp4",
        ".mp3": "audio/mpeg",
        ".zip": "application/zip",
    }
)
# Without the system's own tables: the answer is to be the same on every machine.
_KNOWN_TYPES = mimetypes.MimeTypes()


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRules:
    """What a `Bucket` takes. The defaults take everything that the store takes, below `uploads/`.

    Raises:
        Misconfigured: the prefix or the table of types is none.
    """

    prefix: str = "uploads/"  #: all keys begin with it, and no key outside it is touched; empty: the whole bucket
    policy: UploadPolicy = field(default_factory=UploadPolicy)  #: sizes, extensions, types
    file_types: Mapping[str, str] | None = None  #: extension (`.pdf`) → the only type it may have; None: any
    part_size: int = 8 * MIB  #: preferred, bytes
    url_expiry: int = 3600  #: seconds that an upload's URL lives
    download_expiry: int = 3600  #: seconds that a download's URL lives unless asked otherwise
    keys: BucketKeys = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", BucketKeys(self.prefix))
        if self.file_types is not None:
            table = {f".{name.lower().removeprefix('.')}": kind for name, kind in self.file_types.items()}
            for name, kind in table.items():
                if name == "." or "/" not in kind:
                    raise Misconfigured(
                        f"The table of file types has the row {name!r}: {kind!r}; rows are like '.pdf': "
                        "'application/pdf'.",
                        setting="PARTWAY_PRESIGN_FILE_TYPES",
                    )
            object.__setattr__(self, "file_types", MappingProxyType(table))

    def content_type_of(self, file_name: str, declared: str) -> str:
        """The type that a file is stored with: declared, or else known from its extension.

        Args:
            file_name: a checked name.
            declared: as the client has it; empty: it does not say.

        Raises:
            InvalidInput: it is no media type.
            PolicyRefused: the table does not have the extension (code `extension_not_allowed`), or another type for it
                (code `content_type_mismatch`).
        """
        said = check_content_type(declared, field="content_type") if declared.strip() else ""
        if self.file_types is None:
            return said or _KNOWN_TYPES.guess_type(file_name)[0] or DEFAULT_CONTENT_TYPE
        extension = f".{extension_of(file_name)}"
        wanted = self.file_types.get(extension)
        if wanted is None:
            raise PolicyRefused(
                f"Files with the extension '{extension[1:]}' are not taken. Allowed: {', '.join(self.file_types)}.",
                code="extension_not_allowed",
                allowed_extensions=sorted(name[1:] for name in self.file_types),
            )
        if said not in {"", wanted}:
            raise PolicyRefused(
                f"A {extension} file has the type {wanted}, not {said}. Send {wanted}, or no content_type at all.",
                code="content_type_mismatch",
                content_type=wanted,
            )
        return wanted
