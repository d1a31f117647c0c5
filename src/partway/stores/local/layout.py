"""Where things lie below a local store's root. Pure but for looking at links.

    uploads/<upload id>/upload.json     what the upload is of
    uploads/<upload id>/data            the parts' bytes, each at its offset
    uploads/<upload id>/parts           the journal of its parts; also what is locked
    objects/<key>~/object.json          what the object is
    objects/<key>~/data                 its bytes
    scratch/                            being made or being removed; never part of the store

An object is a folder whose name ends in `~`. The segments of a key are percent-encoded so that they hold neither `~`
nor anything that a file system reads in its own way; so `a` and `a/b` can both be objects, and no key leaves the root.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote

from partway.core.keys import MAX_KEY_LENGTH
from partway.stores.refusals import refused, upload_gone

OBJECT_MARK = "~"
DATA = "data"  #: the bytes, of an upload and of an object
UPLOAD_DESCRIPTION = "upload.json"
JOURNAL = "parts"
_MAX_SEGMENT = 255  # bytes of a name, as the common file systems have it
_EMPTY = "%"  # an empty segment, as in a//b; encoding never makes a lone percent sign
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UPLOAD_ID = re.compile(r"[0-9a-f]{48}")


def encode_segment(segment: str) -> str:
    """A key's segment as a file's name: letters, digits, `-`, `_`, inner dots, and percent codes.

    Raises:
        StoreRefused: the name would be too long for a file system, or the key is no text.
    """
    if segment in {"", ".", ".."}:
        return segment.replace(".", "%2E") or _EMPTY
    try:
        name = quote(segment, safe="").replace(OBJECT_MARK, "%7E")
    except UnicodeEncodeError:
        raise refused("InvalidArgument", "The key holds half of a surrogate pair, which is no text.") from None
    if len(name) >= _MAX_SEGMENT:
        raise refused("KeyTooLongError", f"A part of the key has {len(name)} encoded bytes; this store takes 254.")
    return name


def decode_segment(name: str) -> str:
    """The key's segment that a file's name stands for."""
    return "" if name == _EMPTY else unquote(name)


def new_upload_id(key: str) -> str:
    """An id that sorts by time and names its key's digest, so that a key's uploads are found by their names."""
    return f"{time.time_ns():016x}{_digest_of(key)}{secrets.token_hex(8)}"


def is_upload_id(name: str) -> bool:
    """Whether a folder's name is that of an open upload."""
    return _UPLOAD_ID.fullmatch(name) is not None


def moment_of(upload_id: str) -> datetime:
    """When the upload was opened."""
    return _EPOCH + timedelta(microseconds=int(upload_id[:16], 16) // 1000)


def is_upload_of(upload_id: str, key: str) -> bool:
    """Whether the id can be that of an upload of this key."""
    return is_upload_id(upload_id) and upload_id[16:32] == _digest_of(key)


def _digest_of(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders below one root, which is an absolute path without links."""

    root: Path

    @property
    def uploads(self) -> Path:
        """Where open uploads lie."""
        return self.root / "uploads"

    @property
    def objects(self) -> Path:
        """Where finished objects lie."""
        return self.root / "objects"

    @property
    def scratch(self) -> Path:
        """Where things are made before they appear, and removed after they have vanished."""
        return self.root / "scratch"

    def upload_folder(self, key: str, upload_id: str) -> Path:
        """The folder of an upload of this key.

        Raises:
            UploadGone: it cannot be one: the id is not ours, or another key's.
        """
        if not is_upload_of(upload_id, key):
            raise upload_gone()
        return self.uploads / upload_id

    def object_folder(self, key: str) -> Path:
        """The folder of an object, which need not be there.

        Raises:
            StoreRefused: the key is too long, or a link lies on the way.
        """
        if not key or len(key.encode("utf-8", "replace")) > MAX_KEY_LENGTH:
            raise refused("KeyTooLongError", f"A key has 1 to {MAX_KEY_LENGTH} bytes.")
        *folders, name = [encode_segment(segment) for segment in key.split("/")]
        folder = self.objects.joinpath(*folders, name + OBJECT_MARK)
        if os.path.realpath(folder) != str(folder):
            raise refused("AccessDenied", "A symbolic link lies in the way of this key.")
        return folder

    def new_scratch(self) -> Path:
        """A fresh path in the scratch folder."""
        return self.scratch / secrets.token_hex(16)


def remove_upload_files(folder: Path) -> None:
    """What of an upload the object that it became has no use for. The folder then is no upload's any more."""
    for name in (UPLOAD_DESCRIPTION, JOURNAL):
        (folder / name).unlink(missing_ok=True)
