"""Digests that run along with the bytes: the MD5 of an ETag, and the checksum that a client gave.

CRC-32, SHA-256 and MD5 come with Python. CRC-32C and CRC-64/NVME come with `awscrt`; without it they are refused.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

from partway.core.checksums import ChecksumAlgorithm, join_checksums
from partway.core.parts import StoredPart
from partway.errors import InvalidInput

_AWSCRT = {ChecksumAlgorithm.CRC32C: "crc32c", ChecksumAlgorithm.CRC64NVME: "crc64nvme"}


class RunningDigest(Protocol):
    """A digest of the bytes so far."""

    def update(self, chunk: bytes | bytearray, /) -> None:
        """Add bytes."""
        ...

    def digest(self) -> bytes:
        """The digest of all bytes so far."""
        ...


class _RunningCrc:
    def __init__(self, step: Callable[[bytes | bytearray, int], int], size: int) -> None:
        self._step = step
        self._size = size
        self._value = 0

    def update(self, chunk: bytes | bytearray, /) -> None:
        self._value = self._step(chunk, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def new_md5() -> RunningDigest:
    """An MD5, as ETags have it."""
    return hashlib.md5(usedforsecurity=False)


def new_checksum(algorithm: ChecksumAlgorithm) -> RunningDigest:
    """A running checksum.

    Raises:
        InvalidInput: it needs the package `awscrt`, which is not installed.
    """
    if algorithm is ChecksumAlgorithm.MD5:
        return new_md5()
    if algorithm is ChecksumAlgorithm.SHA256:
        return hashlib.sha256()
    if algorithm is ChecksumAlgorithm.CRC32:
        return _RunningCrc(zlib.crc32, algorithm.digest_size)
    return _RunningCrc(_awscrt_step(algorithm), algorithm.digest_size)


def _awscrt_step(algorithm: ChecksumAlgorithm) -> Callable[[bytes | bytearray, int], int]:
    try:
        checksums = importlib.import_module("awscrt.checksums")
    except ImportError as error:
        raise InvalidInput(
            f"This store cannot compute {algorithm} checksums; use crc32, sha256 or md5, or install the package "
            "'awscrt' where the store runs.",
            field="checksum_algorithm",
            code="invalid_checksum",
        ) from error
    step: Callable[[bytes | bytearray, int], int] = getattr(checksums, _AWSCRT[algorithm])
    return step


def base64_of(digest: RunningDigest) -> str:
    """The digest as checksum headers carry it."""
    return base64.b64encode(digest.digest()).decode()


def etag_of_parts(parts: Sequence[StoredPart]) -> str:
    """The ETag of a multipart object as S3 makes it: the MD5 of the parts' MD5s, a dash and their number."""
    joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"


def checksum_of_parts(algorithm: ChecksumAlgorithm | None, parts: Sequence[StoredPart]) -> str | None:
    """The full object's checksum (base64), if the algorithm is joinable and every part has its own."""
    if algorithm is None or not algorithm.joinable:
        return None
    sums = [(part.checksum, part.size) for part in parts if part.checksum is not None]
    return join_checksums(algorithm, sums) if len(sums) == len(parts) else None
