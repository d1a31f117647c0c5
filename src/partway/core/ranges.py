"""Byte ranges and conditional requests as a client asks for them (RFC 9110, sections 13 and 14). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from partway.core.parts import plain_etag

_ONE_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)  # longer numbers are no offsets of a file


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A range inside an object, both ends inclusive."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Bytes in the range."""
        return self.last - self.first + 1


class NotSatisfiable(Exception):
    """The range begins behind the object's end."""


def requested_range(header: str | None, *, size: int) -> ByteRange | None:
    """The range that a `Range` header asks for.

    Args:
        header: its value, or None.
        size: of the whole object, bytes.

    Returns:
        None if the whole object is to be sent: no header, not bytes, malformed, or several ranges (which a server may
        ignore, and which have been used to exhaust servers).

    Raises:
        NotSatisfiable: the answer is 416.
    """
    match = _ONE_RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise NotSatisfiable
        return ByteRange(size - length, size - 1)
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    if start >= size:
        raise NotSatisfiable
    return ByteRange(start, end)


def names_etag(header: str, etag: str) -> bool:
    """Whether an `If-Match` or `If-None-Match` value names this ETag (or is `*`). Weak marks are ignored."""
    return header.strip() == "*" or plain_etag(etag) in {plain_etag(each) for each in header.split(",")}
