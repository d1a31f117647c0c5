"""The disk: durable writes, and the one door where its errors become ours."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from partway.errors import StoreUnavailable, WouldBlock
from partway.stores.refusals import refused

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_EXCHANGE = 2  # RENAME_EXCHANGE on Linux, RENAME_SWAP on macOS
_FROM_HERE = -100  # AT_FDCWD
_CANNOT_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Translate the disk's errors: full, name too long, or not working.

    Raises:
        WouldBlock: an event loop runs in this thread, which the disk would hold up.
    """
    if asyncio._get_running_loop() is not None:
        raise WouldBlock("The local store was called on a running event loop; lead it through threads.in_threads.")
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full() from error
        if error.errno == errno.ENAMETOOLONG:
            raise refused("KeyTooLongError", "The key makes a path that is too long for the store's disk.") from error
        raise StoreUnavailable(f"The store's disk does not work: {error.strerror or error}.") from error


def disk_full() -> StoreUnavailable:
    """There is no room."""
    return StoreUnavailable(
        "The disk that holds the store is full: free some space, then try again.", store_code="InsufficientStorage"
    )


def open_file(path: Path, flags: int) -> int:
    """A file descriptor; a symbolic link at the path's end is not followed."""
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small file and flush it; its folder is the caller's to flush."""
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        os.write(descriptor, json.dumps(content).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Make the folder's names durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path, *, below: Path) -> None:
    """Make a folder and those above it, down from `below` which is there, each durable in its parent."""
    if folder == below or folder.is_dir():
        return
    make_folders(folder.parent, below=below)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        flush_folder(folder.parent)


def reserve(descriptor: int, *, offset: int, size: int) -> None:
    """Reserve room in a file, so that a full disk says so before a byte is sent.

    Raises:
        StoreUnavailable: there is no room.
    """
    if size == 0:
        return
    disk = os.fstatvfs(descriptor)
    if disk.f_bavail * disk.f_frsize < size - _held(descriptor, offset, size):
        raise disk_full()
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, offset, size)


def _held(descriptor: int, offset: int, size: int) -> int:
    """Bytes of the range that lie inside the file already; holes count as held, which errs on the side of trying."""
    return max(0, min(os.fstat(descriptor).st_size, offset + size) - offset)


def write_at(descriptor: int, chunk: bytes | bytearray, offset: int) -> None:
    """Write all of a chunk at an offset."""
    rest = memoryview(chunk)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step (https://man7.org/linux/man-pages/man2/rename.2.html, RENAME_EXCHANGE).

    Returns:
        False: this system or this file system cannot.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        failed = libc.renameat2(_FROM_HERE, os.fsencode(one), _FROM_HERE, os.fsencode(other), _EXCHANGE)
    elif hasattr(libc, "renamex_np"):  # macOS
        failed = libc.renamex_np(os.fsencode(one), os.fsencode(other), _EXCHANGE)
    else:
        return False
    number = ctypes.get_errno()
    if failed and number not in _CANNOT_EXCHANGE:
        raise OSError(number, os.strerror(number))
    return not failed


def remove_folder(folder: Path, *, scratch: Path) -> bool:
    """Make a folder vanish at once, then remove it. False: it was not there.

    Args:
        folder: what is to go.
        scratch: a fresh path on the same disk.
    """
    try:
        folder.rename(scratch)
    except FileNotFoundError:
        return False
    for parent in folder.parents:
        with contextlib.suppress(FileNotFoundError):  # a rival has removed it, being empty
            flush_folder(parent)
            break
    shutil.rmtree(scratch, ignore_errors=True)
    return True
