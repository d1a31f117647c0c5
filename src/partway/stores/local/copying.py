"""Copies on the same disk: the kernel moves the bytes, and the copy appears whole by one rename."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace

from partway.core.parts import MIB
from partway.core.ports import Clock
from partway.errors import StoreUnavailable
from partway.stores.local.disk import disk_errors, open_file, reserve, write_at
from partway.stores.local.layout import DATA, Layout
from partway.stores.local.objects import Objects
from partway.stores.refusals import object_gone

_STEP = 64 * MIB  # bytes that the kernel is asked to copy at once
_CHUNK_SIZE = MIB  # bytes in our own memory, where the kernel does not copy
_KERNEL_CANNOT = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM})


class LocalCopies:
    """The local store's copies, and its deletions of many; see `core.ports.ObjectCopies` and `BulkDeletes`."""

    _layout: Layout
    _objects: Objects
    _clock: Clock

    async def copy_object(
        self,
        source_key: str,
        key: str,
        *,
        source_etag: str,
        size: int,
        token: str,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """See `core.ports.ObjectCopies`. The copy has bytes of its own: no link to the source's.

        Raises:
            StoreUnavailable: the disk is full, or the source is shorter than it was.
        """
        with disk_errors():
            stored, source = self._objects.open(source_key)
            try:
                if stored.etag != source_etag:
                    raise object_gone()
                folder = self._layout.new_scratch()
                folder.mkdir(mode=0o700)
                try:
                    target = open_file(folder / DATA, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                    try:
                        reserve(target, offset=0, size=stored.size)
                        _copy(source, target, stored.size)
                        os.fsync(target)
                    finally:
                        os.close(target)
                    copy = replace(
                        stored,
                        key=key,
                        content_type=content_type,
                        token=token,
                        metadata={name.lower(): value for name, value in (metadata or {}).items()},
                        last_modified=self._clock.now(),
                    )
                    self._objects.place(folder, copy, overwrite=True)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(source)

    async def delete_objects(self, keys: Sequence[str]) -> Mapping[str, str]:
        """See `core.ports.BulkDeletes`."""
        with disk_errors():
            for key in keys:
                self._objects.delete(key)
        return {}


def _copy(source: int, target: int, size: int) -> None:
    """Copy a file's first `size` bytes, in the kernel where it can."""
    at = 0
    while at < size:
        copied = _copy_in_kernel(source, target, at, min(_STEP, size - at))
        if copied is None:
            chunk = os.pread(source, min(_CHUNK_SIZE, size - at), at)
            write_at(target, chunk, at)
            copied = len(chunk)
        if copied == 0:
            raise StoreUnavailable("The object's file is shorter than it was; the store's disk has lost bytes.")
        at += copied


def _copy_in_kernel(source: int, target: int, at: int, count: int) -> int | None:
    """Bytes that were copied; None: this system, or this file system, cannot (copy_file_range(2))."""
    if not hasattr(os, "copy_file_range"):
        return None
    try:
        return os.copy_file_range(source, target, count, at, at)
    except OSError as error:
        if error.errno in _KERNEL_CANNOT:
            return None
        raise
