"""Whether the object at a file's key is that file. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from partway.core.checksums import join_checksums
from partway.core.file import File
from partway.core.parts import PartsHeld
from partway.core.ports import StoredObject


class Verdict(StrEnum):
    """What the object at a file's key is. Those but `RIGHT` and `ABSENT` are `File.failure` codes."""

    RIGHT = "right"  #: it is the file, whole
    ABSENT = "absent"  #: there is no object
    FOREIGN = "object_not_ours"  #: another's object: its token is not the file's
    WRONG_SIZE = "size_mismatch"
    WRONG_CHECKSUM = "checksum_mismatch"


def judge_object(file: File, stored: StoredObject | None, *, checksum: str | None = None) -> Verdict:
    """Compare an object with the record.

    Args:
        file: the record.
        stored: what the store says of the object at the file's key.
        checksum: the full object's as the parts' checksums make it (base64), if known.
    """
    if stored is None:
        return Verdict.ABSENT
    if stored.token != file.token:
        return Verdict.FOREIGN
    if stored.size != file.file_size:
        return Verdict.WRONG_SIZE
    if checksum and stored.checksum and stored.checksum != f"{file.checksum_algorithm}:{checksum}":
        return Verdict.WRONG_CHECKSUM
    return Verdict.RIGHT


class Difference(NamedTuple):
    """What record and object say differently of a finished file."""

    what: str  #: `token`, `size` (bytes), `etag` or `checksum`
    recorded: str
    stored: str


def differences(file: File, stored: StoredObject) -> list[Difference]:
    """In what an object differs from a finished file's record; empty: in nothing that both know.

    An object without a token was put there past us, and taken over by its size and ETag; see `core.findings`.
    """
    said = [
        ("token", file.token, stored.token or file.token),
        ("size", str(file.file_size), str(stored.size)),
        ("etag", file.etag or "", stored.etag),
        ("checksum", *_comparable(file.checksum, stored.checksum)),
    ]
    return [Difference(*each) for each in said if each[1] != each[2]]


def _comparable(recorded: str | None, stored: str | None) -> tuple[str, str]:
    """Two checksums (`crc32:base64…`), if they are of one kind; else nothing, twice."""
    if not recorded or not stored or recorded.partition(":")[0] != stored.partition(":")[0]:
        return "", ""
    return recorded, stored


def whole_checksum(file: File, held: PartsHeld) -> str | None:
    """The full object's checksum from those of its parts (base64); None if the algorithm or the store gives none."""
    if file.checksum_algorithm is None or not file.checksum_algorithm.joinable:
        return None
    sums = [(part.checksum, part.size) for part in held.parts if part.checksum is not None]
    if len(sums) != file.num_parts:
        return None
    return join_checksums(file.checksum_algorithm, sums)
