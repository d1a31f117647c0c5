"""Where the bytes of an upload come from: a file, or a seekable stream. Read at any offset, by several threads."""

from __future__ import annotations

import io
import os
import stat
import threading
from typing import IO, NamedTuple, Protocol

from partway.errors import InvalidInput, Refused


class Source(Protocol):
    """Bytes that do not change while they are sent."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def descriptor(self) -> int | None:
        """The file descriptor that the kernel can send from; None if there is none."""
        ...

    def read_into(self, view: memoryview, offset: int) -> int:
        """Fill a buffer from an offset; fewer bytes than asked for only at the end."""
        ...

    def check_unchanged(self) -> None:
        """Raise `Refused` (code `file_changed`) if the bytes are no longer those of the beginning."""
        ...

    def close(self) -> None:
        """Give back what was opened."""
        ...


class _Identity(NamedTuple):
    """What tells that a file is still the same."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> _Identity:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class FileSource:
    """An open file. Replacing it by another of the same name does no harm; writing into it is noticed.

    Args:
        descriptor: of a regular file that is open for reading.
        status: what fstat says of it now.
        name: how errors call it.
        owned: whether `close` closes it.
    """

    def __init__(self, descriptor: int, *, status: os.stat_result, name: str, owned: bool) -> None:
        self._descriptor = descriptor
        self._identity = _Identity.of(status)
        self._name = name
        self._owned = owned
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes at the beginning of the upload."""
        return self._identity.size

    @property
    def descriptor(self) -> int | None:
        """For sendfile."""
        return self._descriptor

    def read_into(self, view: memoryview, offset: int) -> int:
        """Positional, so that threads do not disturb each other."""
        if hasattr(os, "preadv"):
            return os.preadv(self._descriptor, [view], offset)
        with self._lock:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            data = os.read(self._descriptor, len(view))
        view[: len(data)] = data
        return len(data)

    def check_unchanged(self) -> None:
        """Compare inode, size and time of modification."""
        if _Identity.of(os.fstat(self._descriptor)) != self._identity:
            raise file_changed(self._name)

    def close(self) -> None:
        """Close it, if it was opened here."""
        if self._owned:
            self._owned = False
            os.close(self._descriptor)


class StreamSource:
    """A seekable stream without a file, such as `io.BytesIO`. Sent whole, from its first byte.

    Args:
        stream: must not be touched by others until the upload is over.
    """

    def __init__(self, stream: IO[bytes], *, name: str) -> None:
        self._stream = stream
        self._name = name
        self._lock = threading.Lock()
        self._size = stream.seek(0, io.SEEK_END)

    @property
    def size(self) -> int:
        """Bytes at the beginning of the upload."""
        return self._size

    @property
    def descriptor(self) -> int | None:
        """None."""
        return None

    def read_into(self, view: memoryview, offset: int) -> int:
        """One thread at a time."""
        with self._lock:
            self._stream.seek(offset)
            data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)

    def check_unchanged(self) -> None:
        """Only its size can be compared."""
        with self._lock:
            if self._stream.seek(0, io.SEEK_END) != self._size:
                raise file_changed(self._name)

    def close(self) -> None:
        """It belongs to the caller."""


def open_source(what: str | os.PathLike[str] | IO[bytes]) -> tuple[Source, str]:
    """Open what is to be uploaded.

    Args:
        what: a path, or a binary file or stream that can seek.

    Returns:
        The source, and the name of the file (empty if it has none).

    Raises:
        InvalidInput: it is not there, not readable, not a regular file, or cannot seek (field `file`).
    """
    if isinstance(what, str | os.PathLike):
        path = os.fspath(what)
        return _open_path(path), os.path.basename(path)
    name = getattr(what, "name", "")
    name = os.path.basename(name) if isinstance(name, str) else ""
    if hasattr(what, "encoding"):
        raise InvalidInput("The file is open as text; open it in binary mode ('rb').", field="file")
    if not what.seekable():
        raise InvalidInput(
            "The stream cannot seek, so its size is unknown and nothing could be sent twice. "
            "Write it into a file first.",
            field="file",
        )
    status = _regular_status(what)
    if status is not None:
        return FileSource(what.fileno(), status=status, name=name or "The file", owned=False), name
    return StreamSource(what, name=name or "The stream"), name


def file_changed(name: str) -> Refused:
    """The file was written to while it was sent."""
    return Refused(
        f"{name} was changed while it was uploaded, so the upload was not completed. Upload it again when it is "
        "no longer written to.",
        code="file_changed",
    )


def _open_path(path: str) -> FileSource:
    # O_NONBLOCK: a pipe without a writer must not hold us up; for a regular file it means nothing.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"{path}: {reason or error}.", field="file", code="file_unreadable") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise InvalidInput(f"{path} is not a regular file.", field="file", code="not_a_file")
    return FileSource(descriptor, status=status, name=path, owned=True)


def _regular_status(file: IO[bytes]) -> os.stat_result | None:
    """What fstat says of a stream that is a regular file; None: it is something else."""
    try:
        status = os.fstat(file.fileno())
    except (OSError, AttributeError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None
