"""How a file is handed to a browser: inline only if that cannot hurt, and under the user's own name.

A stored file is untrusted. HTML, SVG and XML run scripts in the origin that serves them, so only a short list of types
is ever shown inline; all others are sent as attachments.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

from partway.core.policy import DEFAULT_CONTENT_TYPE

INLINE_TYPES = frozenset(
    {
        "application/pdf",
        "audio/aac",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
        "video/mp4",
        "video/ogg",
        "video/webm",
    }
)


@dataclass(frozen=True, slots=True)
class Presentation:
    """The two headers that decide what a browser does with a file."""

    content_type: str
    disposition: str


def present(file_name: str, content_type: str, *, as_attachment: bool = False) -> Presentation:
    """How to serve a file under its name.

    Args:
        file_name: the user's own name, any Unicode.
        content_type: as declared.
        as_attachment: the caller wants it saved, not shown.
    """
    inline = content_type in INLINE_TYPES and not as_attachment
    served = content_type if content_type in INLINE_TYPES else DEFAULT_CONTENT_TYPE
    return Presentation(served, _disposition("inline" if inline else "attachment", file_name))


def _disposition(kind: str, file_name: str) -> str:
    """RFC 6266 with the name twice: plain ASCII for old clients, then RFC 8187's UTF-8 if that says more."""
    plain = _plain(file_name)
    header = f'{kind}; filename="{plain}"'
    if plain != file_name:
        header += f"; filename*=UTF-8''{quote(file_name, safe='')}"
    return header


def _plain(file_name: str) -> str:
    """A name in ASCII that every client reads alike: no quotes and escapes, no path, and no spaces that could be lost.

    Chromium decodes `%41` and encoded words (RFC 2047) in it; neither may stand there. A leading dot would hide the
    file from its owner.
    """
    plain = unicodedata.normalize("NFKD", file_name).encode("ascii", "ignore").decode()
    plain = "".join(character if character.isprintable() and character not in '"\\%/' else "_" for character in plain)
    plain = " ".join(plain.replace("=?", "__").split())
    stem, dot, extension = plain.rpartition(".")
    if not dot:
        stem, extension = extension, ""
    return f"{stem.lstrip('. ') or 'file'}{dot}{extension}"
