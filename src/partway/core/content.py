"""What a file really is, by its first bytes, and whether that agrees with its name and its declared type. Pure.

A library says what it recognises (`TypeDetector`). Containers and text cannot be told apart by a signature alone: what
lies in a zip archive or a compound file is read from the same bytes, and text is known by what it does not hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from partway.core.containers import (
    COMPOUND_SIGNATURE,
    LOCKED_OFFICE,
    SOME_COMPOUND,
    SOME_OFFICE,
    ZIP_SIGNATURE,
    compound_type,
    zip_type,
)
from partway.core.keys import extension_of
from partway.core.media_types import (
    COMPOUND,
    EXTENSION_TYPES,
    HTML,
    OLD_SHEET,
    OLD_SLIDES,
    OLD_WORD,
    SHEET,
    SLIDES,
    SVG,
    TEXT,
    WORD,
    XML,
    ZIP,
    canonical,
    family,
    is_active,
    is_recognisable,
    is_textual,
)
from partway.core.policy import DEFAULT_CONTENT_TYPE, UploadPolicy

HEAD_SIZE = 64 * 1024  #: bytes that are looked at
_PDF, _POSTSCRIPT, _MP3, _OGG, _MP4 = (
    "application/pdf",
    "application/postscript",
    "audio/mpeg",
    "audio/ogg",
    "video/mp4",
)
_NEW_OFFICE = frozenset({WORD, SHEET, SLIDES})
_OLD_OFFICE = frozenset({OLD_WORD, OLD_SHEET, OLD_SLIDES})
#: Types whose files may be plain ASCII all through.
_ASCII = frozenset({_PDF, _POSTSCRIPT, "application/rtf"})
#: What browsers on Windows declare where Office is installed.
_OFFICE_OPENS = frozenset({("csv", OLD_SHEET), ("tsv", OLD_SHEET), ("rtf", OLD_WORD)})
#: What else a file of some types may be seen as.
_STAND_INS = {
    **dict.fromkeys(_NEW_OFFICE, frozenset({SOME_OFFICE, LOCKED_OFFICE})),
    **dict.fromkeys(_OLD_OFFICE, frozenset({SOME_COMPOUND})),
    "audio/aac": frozenset({_MP3}),  # with a tag of ID3 before it
    _POSTSCRIPT: frozenset({_PDF, TEXT}),  # Illustrator saves PDF
}
#: What a format that we do not know may be made of.
_MATERIAL = frozenset({None, ZIP, COMPOUND, SOME_OFFICE, SOME_COMPOUND, LOCKED_OFFICE, TEXT, XML})
_SAID = {SOME_OFFICE: ZIP, SOME_COMPOUND: COMPOUND, LOCKED_OFFICE: COMPOUND}
_CONTROL = "\x00-\x08\x0e-\x1a\x1c-\x1f"
_BINARY, _BINARY_TEXT = re.compile(f"[{_CONTROL}]".encode()), re.compile(f"[{_CONTROL}]")
_SPACE = b"\t\n\x0c\r "
_BLANK = re.compile(rb"[\t\n\x0c\r ]*")
# https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type, and SVG.
_TAG = re.compile(
    rb"<(!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|svg|!doctype\s+svg|\?xml)"
    rb"(?=[\s>/])",
    re.IGNORECASE,
)


_ELEMENT = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)")


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
    said = _SAID.get(seen, seen) if seen else None
    extension = extension_of(file_name)
    named = EXTENSION_TYPES.get(extension)
    kind = None if declared == DEFAULT_CONTENT_TYPE or (extension, declared) in _OFFICE_OPENS else declared
    if not all(_holds(claim, seen, head) for claim in (kind, named) if claim) or not _go_together(kind, named):
        return Finding(said, "content_mismatch")
    if not _is_allowed(kind, named, said, policy):
        return Finding(said, "type_not_allowed")
    return Finding(said, None)


def recognise(head: bytes, detected: str | None) -> str | None:
    """The type of the bytes: the library's word, made exact for containers and text; None: unknown."""
    whole = len(head) < HEAD_SIZE
    if head.startswith(ZIP_SIGNATURE):
        return zip_type(head, whole=whole)
    if head.startswith(COMPOUND_SIGNATURE):
        return compound_type(head, whole=whole)
    kind = canonical(detected) if detected is not None else None
    if head[:1024].lstrip(b"\x00" + _SPACE).startswith(b"%PDF-"):
        kind = _PDF  # readers take one that does not begin at once: ISO 32000-1, annex H, 3.4.1
    text = _as_text(head)
    # Prose may begin with BM or MZ or ID3; but pictures, programs and sounds are not UTF-8 all through.
    if text is not None and (kind not in _ASCII or (kind == _POSTSCRIPT and not head.startswith(b"%!PS"))):
        return _markup(text) or TEXT
    if kind == _OGG and b"\x80theora" in head[:512]:
        return "video/ogg"
    return kind or _unsigned(head)


def _as_text(head: bytes) -> bytes | None:
    """The bytes in UTF-8 if they are text in Unicode (UTF-16 with its mark); None if not. A cut-off end is no fault."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or not error.start:
            return None
        text = head[: error.start].decode(encoding)
    return text.encode() if text and _BINARY_TEXT.search(text) is None else None


def _markup(text: bytes) -> str | None:
    """HTML, SVG or other XML, as a browser would sniff it; None: neither."""
    at = _behind_comments(text, 0)
    if text.startswith(b"<!--", at):
        return HTML  # sniffers go by a comment alone
    found = _TAG.match(text, at)
    if found is None:
        return None
    tag = found[1].lower()
    root = _root(text, at) if tag == b"?xml" or tag.startswith(b"!doctype") else tag
    return SVG if root == b"svg" else XML if tag == b"?xml" and root != b"html" else HTML


def _behind_comments(text: bytes, at: int) -> int:
    """Where something else than space and closed comments begins."""
    while True:
        blank = _BLANK.match(text, at)
        at = blank.end() if blank else at
        end = text.find(b"-->", at + 4) if text.startswith(b"<!--", at) else -1
        if end < 0:
            return at
        at = end + 3


def _root(text: bytes, at: int) -> bytes | None:
    """The root element's name behind the prolog (XML 1.0, 2.8), in lower case without its namespace."""
    while text.startswith((b"<?", b"<!"), at) and not text.startswith(b"<!--", at):
        end = text.find(b">", at)
        subset = text.find(b"[", at, end)
        if text.startswith(b"<!", at) and subset >= 0:
            end = text.find(b">", text.find(b"]", subset))
        if end < 0:
            return None
        at = _behind_comments(text, end + 1)
    found = _ELEMENT.match(text, at)
    return None if found is None else found[1].lower()


def _unsigned(head: bytes) -> str | None:
    """Formats that begin in more ways than a list of signatures holds, and text in old encodings such as Latin-1."""
    if head and _BINARY.search(head) is None:
        return _markup(head) or TEXT
    if head[4:8] == b"ftyp":
        return _MP4  # of a brand that the library has not heard of
    return _MP3 if _is_mp3(head.lstrip(b"\x00")) else None


#: kbit/s by the four bits of a frame's header, of MPEG-1 and of MPEG-2, layer III: ISO/IEC 11172-3, 2.4.2.3
_BITRATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
)


def _is_mp3(head: bytes) -> bool:
    """Whether two frames of MP3 follow one another: many files have nothing else before them."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[2] & 0x0C == 0x0C:
        return False
    version = head[1] >> 3 & 3  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    if version == 1:
        return False
    rate = (44_100, 48_000, 32_000)[head[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}[version]
    bits = _BITRATES[version != 3][head[2] >> 4] * 1000
    if not bits:
        return False
    length = (144 if version == 3 else 72) * bits // rate + (head[2] >> 1 & 1)
    return head[length : length + 2] == head[:2]


def _holds(claim: str, seen: str | None, head: bytes) -> bool:
    """Whether the bytes can be of the type that somebody claims."""
    kind = family(claim)
    if seen is not None and kind == family(seen):
        return True
    if kind in _STAND_INS:
        return seen in _STAND_INS[kind]
    if kind == ZIP:
        return head.startswith((ZIP_SIGNATURE, b"PK\x05\x06", b"PK\x07\x08PK\x03\x04"))
    if is_textual(kind):
        # Text is text, whatever its notation; but a picture of lines must be one, for it is shown.
        return not head or (seen is not None and is_textual(seen) and kind != SVG)
    # A type of which nobody knows the bytes is not refused, unless they are known to be of another sort.
    alike = seen is not None and seen != SVG and _sort(seen) == _sort(kind) != "application"
    return not is_recognisable(kind) and (seen in _MATERIAL or alike)


def _sort(kind: str) -> str:
    return kind.split("/", 1)[0].replace("audio", "video")  # the same containers hold both


def _go_together(declared: str | None, named: str | None) -> bool:
    """Whether a declaration's and a name's type can be of one file."""
    if declared is None or named is None:
        return True
    first, second = canonical(declared), canonical(named)
    if is_textual(first) and is_textual(second):
        return (first == SVG) == (second == SVG) or XML in {first, second}
    if first == ZIP:
        return second == ZIP or second.endswith(("+zip", "-archive")) or family(second) in _NEW_OFFICE
    if _has_macros(first) != _has_macros(second):
        return False  # what runs says so
    known = all(is_recognisable(kind) or is_textual(kind) for kind in (first, second))
    return not known or family(first) == family(second)


def _is_allowed(declared: str | None, named: str | None, seen: str | None, policy: UploadPolicy) -> bool:
    """Whether the policy takes the type that the name stands for; if nothing was said, what was seen.

    What was declared was asked for at initiation.
    """
    if policy.allowed_content_types is None:
        return True
    if named is not None and not _takes(named, policy):
        # Code and tables are text, and may be declared as no more than that.
        said = declared or (seen if seen is not None and _takes(seen, policy) else None)
        return is_textual(named) and not is_active(named) and said is not None and is_textual(said)
    return declared is not None or named is not None or seen is None or _takes(seen, policy)


def _takes(kind: str, policy: UploadPolicy) -> bool:
    if policy.takes_type(kind):
        return True
    alike = {family(name) for name in policy.allowed_content_types or ()}
    return family(kind) in alike and not _has_macros(kind)


def _has_macros(kind: str) -> bool:
    return "macroenabled" in kind
