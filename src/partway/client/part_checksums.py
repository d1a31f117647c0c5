"""Checksums of a part's bytes, read in bounded chunks. CRC-32, SHA-256 and MD5: what the standard library computes."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator

from partway.client.sources import Source, file_changed
from partway.core.checksums import ChecksumAlgorithm, join_checksums
from partway.core.parts import PartPlan
from partway.errors import InvalidInput

_CHUNK = 256 * 1024  #: bytes; fits into the processor's cache

#: What the client can compute without further packages.
COMPUTABLE = frozenset({ChecksumAlgorithm.CRC32, ChecksumAlgorithm.SHA256, ChecksumAlgorithm.MD5})


def choose_algorithm(checksum: str | None) -> ChecksumAlgorithm | None:
    """The algorithm that a caller names.

    Raises:
        InvalidInput: there is none of this name, or the client cannot compute it.
    """
    if checksum is None:
        return None
    if checksum not in COMPUTABLE:
        raise InvalidInput(
            f"'{checksum}' is not a checksum that this client computes; choose crc32, sha256, md5 or none.",
            field="checksum",
        )
    return ChecksumAlgorithm(checksum)


def part_checksum(algorithm: ChecksumAlgorithm, source: Source, *, offset: int, size: int) -> str:
    """The base64 checksum of `size` bytes of a source.

    Raises:
        Refused: the source has become shorter (code `file_changed`).
    """
    chunks = _chunks(source, offset, size)
    if algorithm is ChecksumAlgorithm.CRC32:
        crc = 0
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
        return base64.b64encode(crc.to_bytes(4, "big")).decode()
    digest = hashlib.new(algorithm.value, usedforsecurity=False)
    for chunk in chunks:
        digest.update(chunk)
    return base64.b64encode(digest.digest()).decode()


def part_md5(source: Source, *, offset: int, size: int) -> str:
    """The MD5 of `size` bytes in hex, as most stores have it for a part's ETag."""
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in _chunks(source, offset, size):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(source: Source, offset: int, size: int) -> Iterator[memoryview]:
    """The bytes, each chunk in the same memory."""
    view = memoryview(bytearray(min(_CHUNK, size)))
    end = offset + size
    while offset < end:
        count = source.read_into(view[: min(len(view), end - offset)], offset)
        if count == 0:
            raise file_changed("The file")
        yield view[:count]
        offset += count


class PartSums:
    """The checksums of one upload's parts, each computed when it is first asked for.

    Args:
        source: the bytes.
        plan: how they are cut.
        algorithm: None: there are no checksums.
    """

    def __init__(self, source: Source, plan: PartPlan, algorithm: ChecksumAlgorithm | None) -> None:
        self.plan = plan
        self.algorithm = algorithm
        self._source = source
        self._known: dict[int, str] = {}

    def of(self, number: int) -> str | None:
        """A part's checksum in base64; None without an algorithm."""
        if self.algorithm is None:
            return None
        known = self._known.get(number)
        if known is None:
            offset, size = self.plan.offset_of(number), self.plan.size_of(number)
            known = self._known[number] = part_checksum(self.algorithm, self._source, offset=offset, size=size)
        return known

    def whole(self) -> str | None:
        """`crc32:base64…` of the whole file; None if the algorithm cannot be joined or a part was never read."""
        algorithm, plan = self.algorithm, self.plan
        if algorithm is None or not algorithm.joinable or len(self._known) < plan.num_parts:
            return None
        if plan.num_parts == 1:
            return f"{algorithm.value}:{self._known[1]}"
        sums = ((self._known[number], plan.size_of(number)) for number in plan.part_numbers())
        return f"{algorithm.value}:{join_checksums(algorithm, sums)}"
