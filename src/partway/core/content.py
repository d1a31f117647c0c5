"""What a file really is, by its first bytes, and whether that agrees with its name and its declared type. Pure.

A library says what it recognises (`TypeDetector`). Containers and text it cannot tell apart by a signature alone: what
lies in a zip archive or a compound file is read from the same bytes, and text is known by what it does not hold.
"""

from __future__ import annotations

import mimetypes
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from partway.core.keys import extension_of
from partway.core.policy import DEFAULT_CONTENT_TYPE, UploadPolicy

HEAD_SIZE = 64 * 1024  #: bytes that are looked at
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
_ZIP, _CFB, _TEXT = "application/zip", "application/x-ole-storage", "text/plain"
_SOME_OFFICE = f"{_OFFICE}any"  # one of them, and the head does not say which
_PROGRAM = "application/x-msdownload"
_PROGRAMS = frozenset({"com", "dll", "exe", "msi", "scr"})
_HTML, _SVG, _XML = "text/html", "image/svg+xml", "application/xml"
_EXTENSIONS = mimetypes.MimeTypes()  # without the system's tables: the answer is to be the same on every machine

#: Other names of a type → its name.
_ALIASES = {
    "application/gzip-compressed": "application/gzip",
    "application/ogg": "audio/ogg",
    "application/x-bzip": "application/x-bzip2",
    "application/x-gzip": "application/gzip",
    "application/x-pdf": "application/pdf",
    "application/x-rar": "application/vnd.rar",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-sqlite3": "application/vnd.sqlite3",
    "application/x-zip": _ZIP,
    "application/x-zip-compressed": _ZIP,
    "application/vnd.microsoft.portable-executable": "application/x-msdownload",
    "application/x-dosexec": "application/x-msdownload",
    "application/x-msdos-program": "application/x-msdownload",
    "application/xhtml+xml": _HTML,
    "audio/m4a": "video/mp4",
    "audio/mp3": "audio/mpeg",
    "audio/mp4": "video/mp4",
    "audio/wave": "audio/wav",
    "audio/webm": "video/webm",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "video/mp4",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "font/woff": "application/font-woff",
    "font/woff2": "application/font-woff",
    "image/heif": "image/heic",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-icon": "image/vnd.microsoft.icon",
    "image/x-ms-bmp": "image/bmp",
    "image/x-png": "image/png",
    "text/rtf": "application/rtf",
    "text/xml": _XML,
    "video/3gpp": "video/mp4",
    "video/ogg": "audio/ogg",
    "video/quicktime": "video/mp4",
    "video/x-m4v": "video/mp4",
    "video/x-matroska": "video/webm",
    "video/avi": "video/x-msvideo",
}
#: Types whose files are text, besides `text/…` and those that end in `+xml` or `+json`.
_TEXTUAL = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/sql",
        "application/toml",
        "application/x-httpd-php",
        "application/x-ndjson",
        "application/x-sh",
        "application/x-yaml",
        "application/yaml",
        _XML,
        "message/rfc822",
    }
)
#: Types that are recognised when they are there: a file that is declared so and not recognised is none.
_RECOGNISED = frozenset(
    {
        "application/font-woff",
        "application/gzip",
        "application/pdf",
        "application/rtf",
        "application/vnd.rar",
        "application/vnd.sqlite3",
        "application/x-7z-compressed",
        "application/x-bzip2",
        "application/x-msdownload",
        "application/x-xz",
        "audio/flac",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/heic",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/vnd.microsoft.icon",
        "image/webp",
        "video/mp4",
        "video/webm",
        "video/x-msvideo",
    }
)
_COMPOUND = {
    "application/msword": "WordDocument",
    "application/vnd.ms-excel": "Workbook",
    "application/vnd.ms-powerpoint": "PowerPoint Document",
}
_IN_ZIP = {
    f"{_OFFICE}wordprocessingml.document": "word/",
    f"{_OFFICE}spreadsheetml.sheet": "xl/",
    f"{_OFFICE}presentationml.presentation": "ppt/",
}
_SPREADSHEET_TEXT = frozenset({"csv", "tsv"})
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(
    rb"\s*+(?>(?:<!--.*?-->\s*+)*+)<(!doctype\s+html|html|head|body|script|iframe|svg|\?xml|!doctype\s+svg)",
    re.I | re.S,
)
_LOCAL_HEADER = struct.Struct("<4s5HIIIHH")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a file was found to be."""

    content_type: str | None  #: recognised; None: unknown
    failure: str | None  #: why it is not taken: `content_mismatch`, `type_not_allowed`; None: it agrees


def judge_content(*, file_name: str, declared: str, head: bytes, detected: str | None, policy: UploadPolicy) -> Finding:
    """Compare a file's name, its declared type and its bytes with each other and with the policy.

    Args:
        file_name: the user's own name.
        declared: media type, as checked at initiation.
        head: the first `HEAD_SIZE` bytes, or all.
        detected: what the library recognises in them.
        policy: what may be uploaded.
    """
    seen = recognise(head, detected)
    extension = extension_of(file_name)
    named = _PROGRAM if extension in _PROGRAMS else _EXTENSIONS.guess_type(f"x.{extension}")[0]
    claims = [claim for claim in (declared, named) if claim is not None and claim != DEFAULT_CONTENT_TYPE]
    if extension in _SPREADSHEET_TEXT and declared == "application/vnd.ms-excel":
        claims = ["text/csv"]  # what browsers on Windows declare where Excel is installed
    if not all(_holds(claim, seen, head) for claim in claims) or not _go_together(claims):
        return Finding(seen, "content_mismatch")
    if not _is_allowed(seen, declared, policy):
        return Finding(seen, "type_not_allowed")
    return Finding(seen, None)


def recognise(head: bytes, detected: str | None) -> str | None:
    """The type of the bytes: the library's word, made exact for containers and text; None: unknown."""
    if head.startswith(b"PK\x03\x04"):
        return _zip_type(head)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return next((kind for kind, name in _COMPOUND.items() if name.encode("utf-16-le") in head), _CFB)
    if detected is not None:
        return canonical(detected)
    if not head or not _is_text(head):
        return None
    return _markup(head) or _TEXT


def canonical(content_type: str) -> str:
    """The one name of a type that has several."""
    return _ALIASES.get(content_type, content_type)


def _holds(claim: str, seen: str | None, head: bytes) -> bool:
    """Whether the bytes can be of the type that somebody claims."""
    kind = canonical(claim)
    if kind == seen:
        return True
    if _is_textual(kind):
        # Text is text, whatever its notation; but a picture of lines must be one, for it is shown.
        return not head or (seen is not None and _is_textual(seen) and (kind != _SVG or seen in {_SVG, _XML}))
    if kind in _IN_ZIP or kind in _COMPOUND:
        return seen == (_SOME_OFFICE if kind in _IN_ZIP else _CFB)
    if kind == _ZIP:
        return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    # A type of which nobody knows the bytes is not refused, unless they are known to be of another.
    known = kind in _RECOGNISED or kind.startswith(_OPEN_DOCUMENT)
    return not known and seen in {None, _ZIP, _CFB, _TEXT, _XML}


def _go_together(claims: list[str]) -> bool:
    """Whether a name's and a declaration's type can be of one file."""
    if len(claims) < 2:
        return True
    first, second = map(canonical, claims)
    both_text = _is_textual(first) and _is_textual(second) and _SVG not in {first, second}
    in_zip = {first, second} & {_ZIP} and all(
        kind == _ZIP or "zip" in kind or "archive" in kind for kind in (first, second)
    )
    return first == second or both_text or bool(in_zip)


def _is_allowed(seen: str | None, declared: str, policy: UploadPolicy) -> bool:
    """Whether the policy takes what was seen. What looks like plain text may be any text that it was declared as."""
    allowed = policy.allowed_content_types
    if allowed is None or seen is None or (_is_textual(seen) and _is_textual(canonical(declared))):
        return True
    names = {canonical(name) for name in allowed}
    kind = declared if seen in {_SOME_OFFICE, _CFB, _ZIP} else seen
    return bool(
        {canonical(kind), canonical(declared) if canonical(declared) == seen else seen, "*/*"} & names
        or f"{kind.split('/', 1)[0]}/*" in allowed
    )


def _is_textual(kind: str) -> bool:
    return kind.startswith("text/") or kind in _TEXTUAL or kind.endswith(("+xml", "+json"))


def _is_text(head: bytes) -> bool:
    """Whether bytes read as text: UTF-16 with its mark, or no control characters but those of lines."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            head[: len(head) // 2 * 2].decode("utf-16")
        except UnicodeDecodeError as error:
            return error.start >= len(head) - 4  # the head was cut off within a character
        return True
    return _BINARY.search(head) is None


def _markup(head: bytes) -> str | None:
    """HTML, SVG or other XML, as a browser would sniff it: https://mimesniff.spec.whatwg.org/."""
    found = _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf"))
    if found is None:
        return None
    tag = found[1].lower()
    if tag.endswith(b"svg"):
        return _SVG
    if tag == b"?xml":
        start = head[:4096].lower()
        return _SVG if b"<svg" in start else _HTML if b"<html" in start else _XML
    return _HTML


def _zip_type(head: bytes) -> str:
    """What an archive holds by the names of its first entries."""
    names = []
    for name, content in _entries(head):
        if name == "mimetype":
            return content.decode("latin-1").strip()
        names.append(name)
    for kind, folder in _IN_ZIP.items():
        if any(name.startswith(folder) for name in names):
            return kind
    office = any(name == "[Content_Types].xml" or name.startswith(("_rels/", "docProps/")) for name in names)
    return _SOME_OFFICE if office else _ZIP


def _entries(head: bytes) -> Iterator[tuple[str, bytes]]:
    """The names of entries, and the bytes of those that are stored; https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT."""
    at = 0
    while (at := head.find(b"PK\x03\x04", at)) >= 0 and at + _LOCAL_HEADER.size <= len(head):
        fields = _LOCAL_HEADER.unpack_from(head, at)
        method, size, name_length, extra_length = fields[3], fields[7], fields[9], fields[10]
        start = at + _LOCAL_HEADER.size
        name = head[start : start + name_length].decode("utf-8", "replace")
        content = start + name_length + extra_length
        yield name, head[content : content + size] if method == 0 else b""
        at = content + (size if fields[2] & 8 == 0 else 0)
