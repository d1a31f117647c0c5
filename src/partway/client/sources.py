"""Where the bytes of an upload come from: a file, or a seekable stream. Read at any offset, by several threads."""

from __future__ import annotations

import io
import os
import stat
import threading
from pathlib import Path
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
        file: opened for reading in binary mode, unbuffered or not.
        name: how errors call it.
        owned: whether `close` closes it.
    """

    def __init__(self, file: IO[bytes], *, name: str, owned: bool) -> None:
        self._file = file
        self._name = name
        self._owned = owned
        self._lock = threading.Lock()
        self._identity = _Identity.of(os.fstat(file.fileno()))

    @property
    def size(self) -> int:
        """Bytes at the beginning of the upload."""
        return self._identity.size

    @property
    def descriptor(self) -> int | None:
        """For sendfile."""
        return self._file.fileno()

    def read_into(self, view: memoryview, offset: int) -> int:
        """Positional, so that threads do not disturb each other."""
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [view], offset)
        return _seek_and_read(self._file, self._lock, view, offset)

    def check_unchanged(self) -> None:
        """Compare inode, size and time of modification."""
        if _Identity.of(os.fstat(self._file.fileno())) != self._identity:
            raise file_changed(self._name)

    def close(self) -> None:
        """Close it, if it was opened here."""
        if self._owned:
            self._file.close()


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
        return _seek_and_read(self._stream, self._lock, view, offset)

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
        return _open_path(Path(what)), Path(what).name
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
    if _is_regular(what):
        return FileSource(what, name=name or "The file", owned=False), name
    return StreamSource(what, name=name or "The stream"), name


def file_changed(name: str) -> Refused:
    """The file was written to while it was sent."""
    return Refused(
        f"{name} was changed while it was uploaded, so the upload was not completed. Upload it again when it is "
        "no longer written to.",
        code="file_changed",
    )


def _open_path(path: Path) -> FileSource:
    try:
        # A pipe or a device must not block the opening.
        if not stat.S_ISREG(path.stat().st_mode):
            raise InvalidInput(f"{path} is not a regular file.", field="file", code="not_a_file")
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or error}.", field="file", code="file_unreadable") from error
    return FileSource(file, name=str(path), owned=True)


def _is_regular(file: IO[bytes]) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (OSError, AttributeError, ValueError):
        return False


def _seek_and_read(file: IO[bytes], lock: threading.Lock, view: memoryview, offset: int) -> int:
    with lock:
        file.seek(offset)
        data = file.read(len(view))
    view[: len(data)] = data
    return len(data)
