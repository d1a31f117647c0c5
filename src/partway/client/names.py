"""Names: a file's media type, a local folder as the service takes it, a remote name as the local disk takes it."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING

from partway.errors import InvalidInput

if TYPE_CHECKING:
    from mimetypes import MimeTypes

_UNSAFE_IN_FOLDER = re.compile(r"[^A-Za-z0-9._-]+")
_UNSAFE_LOCALLY = re.compile(r'[\x00-\x1f\x7f/\\<>:"|?*]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_MAX_LOCAL_BYTES = 200


def name_of(what: object) -> str:
    """The name of a path, or of an open file.

    Raises:
        InvalidInput: it has none.
    """
    name = what if isinstance(what, str | os.PathLike) else getattr(what, "name", None)
    if not isinstance(name, str | os.PathLike) or not os.path.basename(name):
        raise InvalidInput("The stream has no name; give one with name=.", field="name")
    return str(os.path.basename(name))


def content_type_of(file_name: str) -> str:
    """The media type that a name suggests, the same on every machine; empty if none."""
    return _types().guess_type(file_name, strict=False)[0] or ""


@cache
def _types() -> MimeTypes:
    import mimetypes

    # Without the machine's own files: they differ, and reading them costs more than a small upload.
    return mimetypes.MimeTypes(filenames=())


def folder_name(path: str) -> str:
    """A local folder's path (`a b/.c`) as a folder of the service (`a_b/c`)."""
    parts = (_UNSAFE_IN_FOLDER.sub("_", part).lstrip(".") for part in path.replace("\\", "/").split("/"))
    return "/".join(part for part in parts if part)


def local_name(file_name: str) -> str:
    """A file's name that every local file system takes and that cannot leave the folder or hide in it."""
    name = _UNSAFE_LOCALLY.sub("_", file_name).strip(" ").rstrip(". ").lstrip(".") or "file"
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    stem, dot, extension = name.rpartition(".")
    while len(name.encode("utf-8", "replace")) > _MAX_LOCAL_BYTES:
        if not dot or not stem or len(extension) > 20:
            name = name[:-1]
            stem, dot, extension = "", "", ""
        else:
            stem = stem[:-1]
            name = f"{stem}.{extension}"
    return name
