"""A file's fingerprint: a few samples by which any client finds an open upload of the same content (docs/wire.md).

It only finds; what was uploaded is compared part by part before it is trusted.
"""

from __future__ import annotations

import zlib

from partway.client.sources import Source, file_changed

_WHOLE = 1024 * 1024  #: bytes of the largest file that is one sample
_SAMPLES = 16
_SAMPLE_SIZE = 65_536  #: bytes


def sample_ranges(size: int) -> list[tuple[int, int]]:
    """(offset, size) of each sample of a file of `size` bytes."""
    if size <= _WHOLE:
        return [(0, size)]
    return [(i * (size - _SAMPLE_SIZE) // (_SAMPLES - 1), _SAMPLE_SIZE) for i in range(_SAMPLES)]


def fingerprint_of(source: Source) -> str:
    """`v1.<size>.<samples>`.

    Raises:
        Refused: the source has become shorter (code `file_changed`).
    """
    samples = "".join(f"{_crc32(source, offset, size):08x}" for offset, size in sample_ranges(source.size))
    return f"v1.{source.size}.{samples}"


def _crc32(source: Source, offset: int, size: int) -> int:
    view = memoryview(bytearray(size))
    done = 0
    while done < size:
        count = source.read_into(view[done:], offset + done)
        if count == 0:
            raise file_changed("The file")
        done += count
    return zlib.crc32(view)
