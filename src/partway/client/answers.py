"""Reading HTTP/1.1 answers from a connection: heads, and bodies by length, in chunks or to the end (RFC 9112)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

_BUFFER_SIZE = 64 * 1024  #: bytes; also the longest head
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class BrokenAnswer(ConnectionError):
    """What came is not an HTTP answer, or it ended too early."""


class Framing(Enum):
    """How a body's end is known."""

    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """The status and the headers of an answer."""

    status: int
    headers: Mapping[str, str]  #: names in lower case; repeated ones joined by a comma
    framing: Framing
    length: int  #: bytes of the body, if it is framed by length
    reusable: bool  #: whether another request may follow on this connection


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with a small body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def parse_head(raw: bytes, *, method: str) -> AnswerHead:
    """Read a head, from its status line to the last header.

    Args:
        raw: without the empty line at the end.
        method: of the request: the answer to HEAD has no body.

    Raises:
        BrokenAnswer: it is none.
    """
    status_line, *lines = raw.split(b"\r\n")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise BrokenAnswer(f"The answer is not HTTP/1.1: it begins with {status_line[:40]!r}.")
    status = int(match[2])
    headers = _parse_headers(lines)
    framing, length = _framing_of(status, headers, method)
    connection = headers.get("connection", "").lower()
    stays = "close" not in connection if match[1] == b"1" else "keep-alive" in connection
    return AnswerHead(status, headers, framing, length, stays and framing is not Framing.CLOSE)


def _parse_headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BrokenAnswer(f"The answer has a header line that is none: {line[:40]!r}.")
        key, text = name.decode("ascii").lower(), value.strip().decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _framing_of(status: int, headers: Mapping[str, str], method: str) -> tuple[Framing, int]:
    """RFC 9112, section 6.3."""
    if method == "HEAD" or status < 200 or status in {204, 304}:
        return Framing.LENGTH, 0
    encodings = [each.strip().lower() for each in headers.get("transfer-encoding", "").split(",")]
    if encodings[-1] == "chunked":
        return Framing.CHUNKED, 0
    if encodings != [""] or "content-length" not in headers:
        return Framing.CLOSE, 0
    lengths = {each.strip() for each in headers["content-length"].split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdecimal()) or len(length) > 18:
        raise BrokenAnswer(f"The answer's Content-Length makes no sense: {headers['content-length'][:40]!r}.")
    return Framing.LENGTH, int(length)


class AnswerReader:
    """Takes one answer after another out of a connection.

    Args:
        receive: fills a buffer with what has come and returns the number of bytes; 0 at the connection's end.
    """

    def __init__(self, receive: Callable[[memoryview], int]) -> None:
        self._receive = receive
        self._buffer = bytearray(_BUFFER_SIZE)
        self._view = memoryview(self._buffer)
        self._first = self._end = 0
        self._framing = Framing.LENGTH
        self._left = 0  # bytes left of the body, or of the present chunk
        self._chunks_over = True
        self.heard = False  #: whether any byte of the present answer has come

    def begin(self) -> None:
        """A new request is about to be sent."""
        self.heard = self._first < self._end

    def feed(self, data: bytes) -> None:
        """Take bytes that were received elsewhere while nothing of the present answer was read yet."""
        self._make_room()
        self._buffer[self._end : self._end + len(data)] = data
        self._end += len(data)
        self.heard = self.heard or bool(data)

    def read_head(self, *, method: str) -> AnswerHead:
        """The next head; an interim one (1xx) is followed by another.

        Raises:
            BrokenAnswer: it is none, or the connection ended.
        """
        head = parse_head(self._read_until(b"\r\n\r\n"), method=method)
        self._framing, self._left = head.framing, head.length
        self._chunks_over = head.framing is not Framing.CHUNKED
        return head

    def read_into(self, view: memoryview) -> int:
        """The next bytes of the body; 0 at its end.

        Raises:
            BrokenAnswer: the connection ended before the body did.
        """
        if self._framing is Framing.CLOSE:
            return self._take(view)
        if self._left == 0 and not self._chunks_over:
            self._begin_chunk()
        if self._left == 0 or not view:
            return 0
        count = self._take(view[: self._left])
        if count == 0:
            raise BrokenAnswer(f"The connection ended with {self._left} bytes of the answer missing.")
        self._left -= count
        if self._left == 0 and not self._chunks_over:
            self._read_exactly(b"\r\n")
        return count

    def read_all(self, *, at_most: int) -> bytes:
        """The rest of the body.

        Raises:
            BrokenAnswer: it is longer than `at_most` bytes, or ended early.
        """
        whole = bytearray()
        chunk = bytearray(min(_BUFFER_SIZE, self._left if self._chunks_over and self._left else _BUFFER_SIZE))
        with memoryview(chunk) as view:
            while count := self.read_into(view):
                whole += view[:count]
                if len(whole) > at_most:
                    raise BrokenAnswer(f"The answer is longer than {at_most} bytes.")
        return bytes(whole)

    def _begin_chunk(self) -> None:
        match = _CHUNK_LINE.fullmatch(self._read_until(b"\r\n"))
        if match is None:
            raise BrokenAnswer("The answer's chunks are broken.")
        self._left = int(match[1], 16)
        if self._left == 0:
            self._chunks_over = True
            while self._read_until(b"\r\n"):
                pass  # trailers

    def _read_exactly(self, expected: bytes) -> None:
        if self._read_until(expected):
            raise BrokenAnswer("The answer's chunks are broken.")

    def _read_until(self, end: bytes) -> bytes:
        """What comes before `end`, which is taken too."""
        searched = self._first
        while (at := self._buffer.find(end, searched, self._end)) < 0:
            searched = max(self._first, self._end - len(end) + 1)
            moved = self._make_room()
            searched -= moved
            count = self._receive(self._view[self._end :])
            if count == 0:
                raise BrokenAnswer("The connection ended without an answer.")
            self.heard = True
            self._end += count
        found = bytes(self._view[self._first : at])
        self._first = at + len(end)
        return found

    def _make_room(self) -> int:
        """Move what is buffered to the front, and say how far."""
        moved = self._first
        if moved:
            rest = self._end - moved
            self._buffer[:rest] = self._buffer[moved : self._end]
            self._first, self._end = 0, rest
        if self._end == _BUFFER_SIZE:
            raise BrokenAnswer(f"The answer's head is longer than {_BUFFER_SIZE} bytes.")
        return moved

    def _take(self, view: memoryview) -> int:
        buffered = min(self._end - self._first, len(view))
        if not buffered:
            return self._receive(view)
        view[:buffered] = self._view[self._first : self._first + buffered]
        self._first += buffered
        return buffered
