"""Finished objects on disk: each a folder that appears and vanishes by one rename."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from partway.core.ports import StoredObject
from partway.errors import ObjectGone
from partway.stores.local.disk import exchange, flush_folder, make_folders, remove_folder, write_json
from partway.stores.local.layout import Layout, remove_upload_files
from partway.stores.refusals import object_gone, refused

_DATA = "data"
_DESCRIPTION = "object.json"
_ATTEMPTS = 100  # of an operation that a rival may undo meanwhile
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


@dataclass(frozen=True, slots=True)
class Objects:
    """All objects below one root."""

    layout: Layout

    def head(self, key: str) -> StoredObject | None:
        """What an object is; None if it is not there."""
        try:
            stored, descriptor = self.open(key)
        except ObjectGone:
            return None
        os.close(descriptor)
        return stored

    def open(self, key: str) -> tuple[StoredObject, int]:
        """What an object is, and its bytes as a file descriptor, which is the caller's to close.

        Raises:
            ObjectGone: it is not there.
        """
        folder = self.layout.object_folder(key)
        for _ in range(_ATTEMPTS):
            try:
                descriptor = os.open(folder, _FOLDER_FLAGS)
            except FileNotFoundError:
                break
            try:
                return _opened_object(key, descriptor)
            except FileNotFoundError:
                continue  # it is being replaced; the folder that was opened is on its way out
            finally:
                os.close(descriptor)
        raise object_gone()

    def place(self, folder: Path, stored: StoredObject, *, overwrite: bool) -> Path:
        """Turn a folder that holds the flushed `data` into the object, by one rename. Returns where it now lies.

        An object that is there already changes places with the new one, in one step too. On a system that cannot do
        so it is moved aside first, and for an instant there is neither.

        Raises:
            StoreRefused: an object is there and `overwrite` is false (PreconditionFailed).
        """
        describe_object(folder, stored)
        target = self.layout.object_folder(stored.key)
        for _ in range(_ATTEMPTS):
            try:
                make_folders(target.parent, below=self.layout.objects)
                folder.rename(target)
            except FileNotFoundError:  # a rival has removed an empty folder on the way
                if not folder.exists():
                    raise
            except OSError as error:
                if error.errno not in _NOT_EMPTY:
                    raise
                if not overwrite:
                    raise refused("PreconditionFailed", "An object with this key is there already.") from None
                if self._replace(target, folder):
                    return target
            else:
                flush_folder(target.parent)
                return target
        raise refused("OperationAborted", "Others keep changing the object's folder; try again.")

    def _replace(self, target: Path, folder: Path) -> bool:
        """Let a folder take the place of an object. False: try again."""
        remove_upload_files(target)  # or the old object, in the upload's place, would look like an upload
        try:
            replaced = exchange(target, folder)
        except FileNotFoundError:
            return False
        if replaced:
            flush_folder(target.parent)
        remove_folder(folder if replaced else target, scratch=self.layout.new_scratch())
        return replaced

    def delete(self, key: str) -> None:
        """Remove an object, and the folders that it leaves empty."""
        folder = self.layout.object_folder(key)
        remove_folder(folder, scratch=self.layout.new_scratch())
        for parent in folder.parents:
            if parent == self.layout.objects:
                break
            try:
                parent.rmdir()
            except OSError:
                break


def describe_object(folder: Path, stored: StoredObject) -> None:
    """Write what the object is beside its bytes, durably."""
    write_json(
        folder / _DESCRIPTION,
        {
            "key": stored.key,
            "size": stored.size,
            "etag": stored.etag,
            "content_type": stored.content_type,
            "token": stored.token,
            "checksum": stored.checksum,
            "metadata": dict(stored.metadata),
            "last_modified": stored.last_modified.isoformat(),
        },
    )
    flush_folder(folder)


def _opened_object(key: str, folder: int) -> tuple[StoredObject, int]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(_DESCRIPTION, flags, dir_fd=folder), "rb") as description:
        said = json.loads(description.read())
    stored = StoredObject(
        key=key,
        size=said["size"],
        etag=said["etag"],
        content_type=said["content_type"],
        last_modified=datetime.fromisoformat(said["last_modified"]),
        token=said["token"],
        checksum=said["checksum"],
        metadata=said.get("metadata", {}),  # older descriptions have none
    )
    return stored, os.open(_DATA, flags, dir_fd=folder)
