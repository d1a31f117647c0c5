"""Which files a field takes, as HTML's attribute `accept` says it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from partway.core.keys import extension_of
from partway.core.media_types import EXTENSION_TYPES, names_of
from partway.core.policy import DEFAULT_CONTENT_TYPE, UploadPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Extensions and media types, one of which a file must have. With neither, every file is taken."""

    extensions: frozenset[str] = frozenset()  #: lower case, without dots
    content_types: frozenset[str] = frozenset()  #: `image/*` takes all images

    @classmethod
    def read(cls, text: str) -> Self:
        """What an attribute says: `image/*,.pdf`.

        Raises:
            ValueError: a word is neither a media type nor an extension.
        """
        words = [word for part in text.lower().split(",") if (word := part.strip())]
        if wrong := [word for word in words if not word.startswith(".") and "/" not in word]:
            raise ValueError(
                f"accept: {wrong[0]!r} is neither a media type such as image/* nor an extension such as .pdf"
            )
        return cls(
            extensions=frozenset(word[1:] for word in words if word.startswith(".")),
            content_types=frozenset(word for word in words if not word.startswith(".")),
        )

    @property
    def html(self) -> str:
        """The attribute for browsers, which know a type by one of its names only."""
        types = {name for content_type in self.content_types for name in names_of(content_type)}
        return ",".join(sorted({f".{extension}" for extension in self.extensions} | types))

    def takes(self, file_name: str, content_type: str) -> bool:
        """Whether a file is taken. One whose type its browser did not know has that of its extension."""
        if not self.extensions and not self.content_types:
            return True
        extension = extension_of(file_name)
        if content_type == DEFAULT_CONTENT_TYPE:
            content_type = EXTENSION_TYPES.get(extension, content_type)
        policy = UploadPolicy(allowed_content_types=self.content_types)
        return extension in self.extensions or policy.takes_type(content_type)
