"""Checksums of parts and of whole objects: which there are, and how the sums of parts make the sum of the whole.

S3 names five algorithms; the three CRCs can be joined part by part into the checksum of the full object, the others
cannot. https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from partway.errors import InvalidInput


class ChecksumAlgorithm(StrEnum):
    """An algorithm that a client may give part checksums in."""

    CRC32 = "crc32"
    CRC32C = "crc32c"
    CRC64NVME = "crc64nvme"
    SHA256 = "sha256"
    MD5 = "md5"  #: sent as Content-MD5; the store compares it and does not keep it

    @property
    def digest_size(self) -> int:
        """Bytes of one digest."""
        return _DIGEST_SIZES[self]

    @property
    def header(self) -> str:
        """The request header that carries a part's checksum, lower case."""
        return "content-md5" if self is ChecksumAlgorithm.MD5 else f"x-amz-checksum-{self.value}"

    @property
    def joinable(self) -> bool:
        """Whether the parts' checksums make the full object's."""
        return self in _CRC_POLYNOMIALS


_DIGEST_SIZES = {
    ChecksumAlgorithm.CRC32: 4,
    ChecksumAlgorithm.CRC32C: 4,
    ChecksumAlgorithm.CRC64NVME: 8,
    ChecksumAlgorithm.SHA256: 32,
    ChecksumAlgorithm.MD5: 16,
}

# Reflected polynomials: https://reveng.sourceforge.io/crc-catalogue/
_CRC_POLYNOMIALS = {
    ChecksumAlgorithm.CRC32: 0xEDB88320,
    ChecksumAlgorithm.CRC32C: 0x82F63B78,
    ChecksumAlgorithm.CRC64NVME: 0x9A6C9329AC4BC9B5,
}


def crc32_of(body: bytes | bytearray) -> str:
    """The CRC-32 of some bytes, as requests carry it (base64)."""
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def check_checksum(algorithm: ChecksumAlgorithm, value: str) -> str:
    """Return `value` if it is the base64 of a digest of `algorithm`, in its one canonical form: texts are compared.

    Raises:
        InvalidInput: it is not.
    """
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != algorithm.digest_size or base64.b64encode(digest).decode() != value:
        raise InvalidInput(
            f"A {algorithm} checksum is the base64 of {algorithm.digest_size} bytes.",
            field="checksum",
            code="invalid_checksum",
        )
    return value


def join_checksums(algorithm: ChecksumAlgorithm, parts: Iterable[tuple[str, int]]) -> str:
    """The full object's CRC from those of its parts, in order.

    Args:
        algorithm: one that is `joinable`.
        parts: (base64 checksum, size in bytes) of each part.

    Returns:
        base64 of the full object's checksum, big-endian as S3 writes it.
    """
    total = 0
    for checksum, size in parts:
        total = _join(algorithm, total, int.from_bytes(base64.b64decode(checksum), "big"), size)
    return base64.b64encode(total.to_bytes(algorithm.digest_size, "big")).decode()


def _join(algorithm: ChecksumAlgorithm, first: int, second: int, second_size: int) -> int:
    """CRC of A+B from the CRCs of A and B: advance A's over B's length in zero bytes, then add B's."""
    polynomial = _CRC_POLYNOMIALS[algorithm]
    bits = algorithm.digest_size * 8
    return _multiply(first, _power_of_x(second_size * 8, polynomial, bits), polynomial, bits) ^ second


def _multiply(a: int, b: int, polynomial: int, bits: int) -> int:
    """a·b modulo the polynomial, all reflected (the highest bit is the coefficient of x⁰)."""
    product = 0
    mask = 1 << (bits - 1)
    while mask:
        if a & mask:
            product ^= b
        b = (b >> 1) ^ (polynomial if b & 1 else 0)
        mask >>= 1
    return product


@lru_cache(maxsize=256)  # the parts of an upload have one size, but for the last
def _power_of_x(exponent: int, polynomial: int, bits: int) -> int:
    """x^exponent modulo the polynomial, by squaring."""
    result = 1 << (bits - 1)
    square = 1 << (bits - 2)
    while exponent:
        if exponent & 1:
            result = _multiply(result, square, polynomial, bits)
        square = _multiply(square, square, polynomial, bits)
        exponent >>= 1
    return result
