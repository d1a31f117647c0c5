"""Files to upload."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.harness import MIB


def write_random(path: Path, size: int) -> Path:
    """A file of random bytes; what is random once is repeated by the 64 MiB, under no store's notice.

    Args:
        size: bytes.
    """
    block = os.urandom(min(size, 64 * MIB))
    with path.open("wb") as file:
        left = size
        while left:
            left -= file.write(block[:left])
        file.flush()
        os.fsync(file.fileno())
    return path


def write_many(folder: Path, *, count: int, size: int) -> Path:
    """A folder of files of random bytes, all different."""
    folder.mkdir()
    for number in range(count):
        (folder / f"file-{number:05}.bin").write_bytes(os.urandom(size))
    return folder
