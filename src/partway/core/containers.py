"""What lies in a zip archive or in a compound file, by the first bytes alone. Pure; any bytes may come."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from partway.core.media_types import (
    COMPOUND,
    OLD_SHEET,
    OLD_SLIDES,
    OLD_WORD,
    OPEN_DOCUMENT,
    SHEET,
    SLIDES,
    WORD,
    ZIP,
)

SOME_OFFICE = "an Office package"  #: which one, the head does not say
SOME_COMPOUND = "a compound file"  #: of which Office program, the head does not say
LOCKED_OFFICE = "an encrypted Office package"  #: which one, nobody can say
ZIP_SIGNATURE = b"PK\x03\x04"
COMPOUND_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_FOLDERS = {"word/": WORD, "xl/": SHEET, "ppt/": SLIDES}
#: What is in every Office package (ECMA-376 part 2), besides the folder that says which.
_PACKAGE = ("[Content_Types].xml", "_rels/", "docProps/", "customXml/")
#: What an archive may say of itself (OpenDocument 1.3 part 2, 3.3; EPUB OCF 3.3, 4.3), and nothing else.
_SAYS_ITSELF = re.compile(rf"{re.escape(OPEN_DOCUMENT)}[a-z.-]{{1,60}}|application/epub\+zip")
_LOCAL_HEADER = struct.Struct("<4s5HIIIHH")  # APPNOTE.TXT 4.3.7: signature, version, flags, method, …, two lengths
_STORED, _DEFLATED = 0, 8  # APPNOTE.TXT 4.4.5
_ENOUGH = 128  # bytes: what an archive says of itself is shorter
#: Their names in upper case: MS-CFB 2.6.4 compares them so.
_STREAMS = {"WORDDOCUMENT": OLD_WORD, "WORKBOOK": OLD_SHEET, "BOOK": OLD_SHEET, "POWERPOINT DOCUMENT": OLD_SLIDES}
_ENTRY = 128  # bytes of a directory entry: MS-CFB 2.6.1
_STREAM = 2  # the object type of a stream


def zip_type(head: bytes, *, whole: bool) -> str:
    """What an archive is by the names of the entries that its head holds: a type, or `SOME_OFFICE`.

    Args:
        head: begins with `ZIP_SIGNATURE`.
        whole: nothing follows.
    """
    names: list[str] = []
    for name, content in _entries(head):
        if name == "mimetype" and _SAYS_ITSELF.fullmatch(said := content.decode("latin-1").strip()):
            return said
        names.append(name)
    if "META-INF/container.xml" in names:
        return "application/epub+zip"
    package = any(name.startswith(_PACKAGE) for name in names)
    for folder, kind in _FOLDERS.items():
        # A large picture may come first, and what makes it a package far behind.
        if any(name.startswith(folder) for name in names) and (package or not whole):
            return kind
    return SOME_OFFICE if package and not whole else ZIP


def _entries(head: bytes) -> Iterator[tuple[str, bytes]]:
    """The names of entries and the first bytes that are in each (APPNOTE.TXT 4.3.7)."""
    at = 0
    while (at := head.find(ZIP_SIGNATURE, at)) >= 0 and at + _LOCAL_HEADER.size <= len(head):
        _, _, flags, method, _, _, _, size, _, name_length, extra_length = _LOCAL_HEADER.unpack_from(head, at)
        start = at + _LOCAL_HEADER.size
        begin = start + name_length + extra_length
        sized = flags & 8 == 0  # else its size stands behind it, and the next entry has to be looked for
        end = begin + size if sized else max(begin, head.find(b"PK", begin))
        yield head[start : start + name_length].decode("utf-8", "replace"), _first_bytes(head[begin:end], method)
        at = end if sized else begin


def _first_bytes(packed: bytes, method: int) -> bytes:
    if method == _STORED:
        return packed[:_ENOUGH]
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed[:_ENOUGH], _ENOUGH) if method == _DEFLATED else b""
    except zlib.error:
        return b""


def compound_type(head: bytes, *, whole: bool) -> str:
    """What a compound file is by its streams: a type, `LOCKED_OFFICE`, `SOME_COMPOUND` if its head does not say.

    A document that holds another has the streams of both, side by side: then it may be either.
    """
    found = set()
    for at in range(512, len(head) - _ENTRY + 1, _ENTRY):
        length, kind = struct.unpack_from("<HB", head, at + 64)
        if kind == _STREAM and 4 <= length <= 64 and length % 2 == 0:
            found.add(head[at : at + length - 2].decode("utf-16-le", "replace").upper())
    if "ENCRYPTEDPACKAGE" in found:
        return LOCKED_OFFICE
    kinds = {_STREAMS[name] for name in found & _STREAMS.keys()}
    if len(kinds) == 1:
        return kinds.pop()
    return SOME_COMPOUND if kinds or not whole else COMPOUND
