"""The journal of an upload's parts: one line for each beginning and each end of a part, appended under a lock.

A line with a writer alone says that this writer now sends the part, so what was held of it counts no more. A line with
an ETag says that the part is held. The last line of a part counts. A line that a crash has torn counts for
nothing, even if it lacks its end alone: the next one to write marks it as void.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from partway.core.parts import StoredPart

_READ_SIZE = 1024 * 1024  # bytes
_VOID = b"#\n"  # ends a torn line, and makes it no JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPart(StoredPart):
    """A part whose bytes lie at their offset, flushed."""

    offset: int  #: bytes from the file's beginning


@dataclass(frozen=True, slots=True)
class Turn:
    """Who may write a part, and where."""

    writer: str
    offset: int
    size: int

    def overlaps(self, other: Turn) -> bool:
        """Whether both would write some byte."""
        return self.offset < other.offset + other.size and other.offset < self.offset + self.size


@dataclass(slots=True)
class Journal:
    """What the lines say, as far as they were read. Its file is given with each call, locked by the caller."""

    parts: dict[int, HeldPart] = field(default_factory=dict)
    turns: dict[int, Turn] = field(default_factory=dict)
    _read: int = 0  # bytes

    def catch_up(self, descriptor: int) -> None:
        """Read the lines that were added since."""
        size = os.fstat(descriptor).st_size
        rest = b""
        while self._read + len(rest) < size:
            chunk = os.pread(descriptor, _READ_SIZE, self._read + len(rest))
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._read += len(line) + 1
                self._take(line)

    def begin(self, descriptor: int, number: int, turn: Turn) -> bool:
        """Give a part to a writer, and take away every other part that shares bytes with it.

        Returns:
            Whether anything held was taken away; the caller then flushes before a byte is changed.
        """
        displaced = [other for other, held in self.turns.items() if other != number and turn.overlaps(held)]
        taken = any(other in self.parts for other in (number, *displaced))
        self._append(descriptor, [_begun(other, turn) for other in (number, *displaced)])
        return taken

    def record(self, descriptor: int, part: HeldPart, *, writer: str) -> None:
        """Say that a part is held."""
        self._append(descriptor, [_recorded(part, writer)])

    def _append(self, descriptor: int, lines: list[dict[str, Any]]) -> None:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
        text = _VOID + text if torn else text
        if os.write(descriptor, text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.catch_up(descriptor)

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            number = int(said["number"])
            turn = Turn(str(said["writer"]), int(said["offset"]), int(said["size"]))
            part = _part(said) if "etag" in said else None
        except (ValueError, KeyError, TypeError):
            return
        self.turns[number] = turn
        if part is None:
            self.parts.pop(number, None)
        else:
            self.parts[number] = part


def _begun(number: int, turn: Turn) -> dict[str, Any]:
    return {"number": number, "writer": turn.writer, "offset": turn.offset, "size": turn.size}


def _recorded(part: HeldPart, writer: str) -> dict[str, Any]:
    return {
        **_begun(part.part_number, Turn(writer, part.offset, part.size)),
        "etag": part.etag,
        "checksum": part.checksum,
        "at": part.last_modified.isoformat() if part.last_modified else None,
    }


def _part(said: Mapping[str, Any]) -> HeldPart:
    return HeldPart(
        part_number=int(said["number"]),
        offset=int(said["offset"]),
        size=int(said["size"]),
        etag=str(said["etag"]),
        checksum=said["checksum"],
        last_modified=datetime.fromisoformat(said["at"]) if said["at"] else None,
    )
