"""Open multipart uploads on disk: each a folder, with a journal that is also its lock."""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from partway.core.checksums import ChecksumAlgorithm
from partway.core.ports import ListedUpload
from partway.stores.local.disk import flush_folder, open_file, remove_folder, write_json
from partway.stores.local.journal import HeldPart, Journal, Turn
from partway.stores.local.layout import (
    DATA,
    JOURNAL,
    UPLOAD_DESCRIPTION,
    Layout,
    is_upload_id,
    is_upload_of,
    moment_of,
    new_upload_id,
)
from partway.stores.refusals import upload_gone

_BATCH = 1000  # upload ids in memory at a time
_JOURNALS_KEPT = 32  # open uploads whose journals stay in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOf:
    """What an upload is of."""

    key: str
    content_type: str
    token: str
    checksum_algorithm: ChecksumAlgorithm | None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class OpenUpload:
    """An upload's folder, opened. Close it."""

    folder: Path
    of: UploadOf
    _journal: Journal
    _descriptor: int  # of the journal's file; locks belong to it, so each opening has its own
    _closed: bool = False

    @contextlib.contextmanager
    def locked(self) -> Iterator[LockedUpload]:
        """The upload for ourselves, among all threads and processes, for a short moment.

        Raises:
            UploadGone: it was completed or aborted meanwhile.
        """
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            if not (self.folder / UPLOAD_DESCRIPTION).exists():
                raise upload_gone()
            self._journal.catch_up(self._descriptor)
            yield LockedUpload(self.folder, self._journal, self._descriptor)
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the file back."""
        if not self._closed:
            self._closed = True
            os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class LockedUpload:
    """An upload that nobody else changes."""

    folder: Path
    _journal: Journal
    _descriptor: int

    @property
    def parts(self) -> dict[int, HeldPart]:
        """The held parts by number."""
        return self._journal.parts

    def turn_of(self, number: int) -> Turn | None:
        """Who writes the part now, or wrote it last."""
        return self._journal.turns.get(number)

    def begin(self, number: int, turn: Turn) -> None:
        """Give the part to a writer. What was held of its bytes counts no more, durably, before one is changed."""
        if self._journal.begin(self._descriptor, number, turn):
            os.fsync(self._descriptor)

    def record(self, part: HeldPart, *, writer: str) -> None:
        """Say durably that the part, whose bytes are flushed, is held."""
        self._journal.record(self._descriptor, part, writer=writer)
        os.fsync(self._descriptor)


@dataclass(frozen=True, slots=True)
class Uploads:
    """All open uploads below one root."""

    layout: Layout
    _known: OrderedDict[str, tuple[UploadOf, Journal]] = field(default_factory=OrderedDict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def create(self, of: UploadOf) -> str:
        """Open an upload, durably, and return its id."""
        upload_id = new_upload_id(of.key)
        folder = self.layout.new_scratch()
        folder.mkdir(mode=0o700)
        for name in (DATA, JOURNAL):
            os.close(open_file(folder / name, os.O_CREAT | os.O_WRONLY))
        write_json(
            folder / UPLOAD_DESCRIPTION,
            {
                "key": of.key,
                "content_type": of.content_type,
                "token": of.token,
                "checksum_algorithm": of.checksum_algorithm,
                "metadata": dict(of.metadata),
            },
        )
        flush_folder(folder)
        folder.rename(self.layout.uploads / upload_id)
        flush_folder(self.layout.uploads)
        return upload_id

    def find(self, key: str) -> list[str]:
        """Ids of the open uploads of a key, oldest first."""
        return sorted(
            name
            for name in os.listdir(self.layout.uploads)
            if is_upload_of(name, key) and (self.layout.uploads / name / UPLOAD_DESCRIPTION).exists()
        )

    def walk(self, prefix: str, *, after: str) -> Iterator[ListedUpload]:
        """Open uploads of keys that begin with `prefix`, whose ids sort behind `after`, oldest first.

        In bounded memory: the folder is looked through again for each batch of names, and each description read once.
        """
        while batch := heapq.nsmallest(_BATCH, (name for name in self._ids() if name > after)):
            for upload_id in batch:
                with contextlib.suppress(FileNotFoundError):  # it was completed or aborted meanwhile
                    key = _read_description(self.layout.uploads / upload_id / UPLOAD_DESCRIPTION).key
                    if key.startswith(prefix):
                        yield ListedUpload(key, upload_id, moment_of(upload_id))
            after = batch[-1]

    def _ids(self) -> Iterator[str]:
        with os.scandir(self.layout.uploads) as entries:
            yield from (entry.name for entry in entries if is_upload_id(entry.name))

    @contextlib.contextmanager
    def opened(self, key: str, upload_id: str) -> Iterator[OpenUpload]:
        """An upload for the time of a `with`. Raises `UploadGone` if it is not there."""
        upload = self.open(key, upload_id)
        try:
            yield upload
        finally:
            upload.close()

    def open(self, key: str, upload_id: str) -> OpenUpload:
        """An upload; the caller closes it.

        Raises:
            UploadGone: it is not there, or another key's.
        """
        folder = self.layout.upload_folder(key, upload_id)
        try:
            of, journal = self._describe(upload_id, folder)
            if of.key != key:
                raise upload_gone()
            return OpenUpload(folder, of, journal, open_file(folder / JOURNAL, os.O_RDWR | os.O_APPEND))
        except FileNotFoundError:
            self.forget(upload_id)
            raise upload_gone() from None

    def abort(self, key: str, upload_id: str) -> None:
        """Remove an upload and its parts. Raises `UploadGone` if it is not there."""
        with self.opened(key, upload_id) as upload, upload.locked():
            remove_folder(upload.folder, scratch=self.layout.new_scratch())
        self.forget(upload_id)

    def _describe(self, upload_id: str, folder: Path) -> tuple[UploadOf, Journal]:
        with self._guard:
            if upload_id in self._known:
                self._known.move_to_end(upload_id)
                return self._known[upload_id]
        known = (_read_description(folder / UPLOAD_DESCRIPTION), Journal())
        with self._guard:
            if len(self._known) >= _JOURNALS_KEPT:
                self._known.popitem(last=False)
            return self._known.setdefault(upload_id, known)

    def forget(self, upload_id: str) -> None:
        """Keep nothing in memory of an upload that is over."""
        with self._guard:
            self._known.pop(upload_id, None)


def _read_description(path: Path) -> UploadOf:
    said = json.loads(path.read_bytes())
    algorithm = said["checksum_algorithm"]
    return UploadOf(
        key=said["key"],
        content_type=said["content_type"],
        token=said["token"],
        checksum_algorithm=ChecksumAlgorithm(algorithm) if algorithm else None,
        metadata=said.get("metadata", {}),  # older descriptions have none
    )
