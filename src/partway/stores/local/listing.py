"""Walks the objects in S3's order, which is that of their keys' UTF-8 bytes, and no further than asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from partway.stores.local.layout import OBJECT_MARK, decode_segment, encode_segment


def walk_keys(root: Path, *, prefix: str, after: str) -> Iterator[str]:
    """The keys that begin with `prefix` and sort behind `after`, ascending.

    Args:
        root: the folder of all objects.
        prefix: may end within a segment.
        after: a key, or nothing.
    """
    folders = prefix.split("/")[:-1]
    start = root.joinpath(*map(encode_segment, folders))
    if os.path.realpath(start) != str(start):  # a link; none is followed
        return
    base = "".join(f"{folder}/" for folder in folders).encode()
    for key in _walk(start, base, prefix=prefix.encode(), after=after.encode()):
        yield key.decode()


def _walk(folder: Path, base: bytes, *, prefix: bytes, after: bytes) -> Iterator[bytes]:
    for key, path in sorted(_entries(folder, base)):
        if path is None:
            if key.startswith(prefix) and key > after:
                yield key
        elif key.startswith(prefix) and (key > after or after.startswith(key)):
            yield from _walk(path, key, prefix=prefix, after=after)


def _entries(folder: Path, base: bytes) -> Iterator[tuple[bytes, Path | None]]:
    """What a folder holds: an object's key, or what all keys below a folder begin with and the folder."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    continue
                if entry.name.endswith(OBJECT_MARK):
                    yield base + decode_segment(entry.name.removesuffix(OBJECT_MARK)).encode(), None
                else:
                    yield base + decode_segment(entry.name).encode() + b"/", Path(entry.path)
    except (FileNotFoundError, NotADirectoryError):
        return
