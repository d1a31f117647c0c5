"""Safe file names, and object keys from templates.

A key is ASCII from a fixed alphabet and is decided once. The user's own name lives in the record and in
`Content-Disposition`, never in a key.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from partway.errors import InvalidInput, Misconfigured

MAX_NAME_LENGTH = 255  #: characters of a file name, as file systems and SeaweedFS's key components have it
MAX_KEY_LENGTH = 1024  #: bytes; https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_MAX_SAFE_NAME = 100
_MAX_FOLDER = 200
_MAX_OWNER = 64
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99})*")
_KEY = re.compile(r"[A-Za-z0-9._/-]+")
_PLACEHOLDERS = frozenset({"year", "month", "day", "hour", "id", "name", "owner", "folder", "hash"})


def check_file_name(file_name: str, *, field: str = "file_name") -> str:
    """Return a user's file name if it is one: 1 to 255 characters, no path, no control characters.

    Args:
        file_name: as the user has it.
        field: what it is called on the wire, for the error.

    Raises:
        InvalidInput: it is not; the detail says what is wrong.
    """
    if not file_name.strip():
        problem = "is empty"
    elif len(file_name) > MAX_NAME_LENGTH:
        problem = f"has {len(file_name)} characters; at most {MAX_NAME_LENGTH} are allowed"
    elif "/" in file_name or "\\" in file_name:
        problem = "holds a path separator; send the name alone and use 'folder' for the path"
    elif file_name in {".", ".."}:
        problem = "is a path, not a name"
    elif any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in file_name):
        problem = "holds a control character"
    else:
        return file_name
    raise InvalidInput(f"{field} {problem}.", field=field, code="invalid_file_name")


def safe_name(file_name: str) -> str:
    """An ASCII name made from a user's: letters, digits, `.`, `_` and `-`, at most 100, with the extension kept."""
    plain = unicodedata.normalize("NFKD", file_name).encode("ascii", "ignore").decode()
    stem, dot, extension = _UNSAFE.sub("_", plain).rpartition(".")
    if not dot:
        stem, extension = extension, ""
    stem = stem.strip("._-") or "file"
    extension = extension.strip("._-")[:20]
    tail = f".{extension}" if extension else ""
    return stem[: _MAX_SAFE_NAME - len(tail)] + tail


def extension_of(file_name: str) -> str:
    """The lower-case extension without its dot; empty if there is none."""
    stem, dot, extension = file_name.rpartition(".")
    return extension.lower() if dot and stem else ""


def check_folder(folder: str) -> str:
    """Return a folder (`a/b`, no slash at either end, empty for none) if it is safe in a key.

    Raises:
        InvalidInput: it holds anything but letters, digits, `.`, `_`, `-` and single slashes, or a dot leads a part.
    """
    plain = folder.strip("/")
    if plain and (len(plain) > _MAX_FOLDER or not _FOLDER.fullmatch(plain)):
        raise InvalidInput(
            f"folder may hold letters, digits, '.', '_', '-' and single slashes, no part may begin with a dot, and "
            f"{_MAX_FOLDER} characters are the most.",
            field="folder",
            code="invalid_folder",
        )
    return plain


@dataclass(frozen=True, slots=True)
class KeyTemplate:
    """How keys are made: a template of folders with placeholders, and the name at its end.

    Placeholders: `{year}`, `{month}`, `{day}`, `{hour}` (UTC, of the creation), `{id}` (the file's UUID), `{name}`
    (the safe name), `{owner}`, `{folder}` (what the uploader chose, may be empty), `{hash}` (two hex digits of the id's
    random end, to spread keys). Empty parts vanish.

    Raises:
        Misconfigured: at construction, if a placeholder is unknown, the keys would not be unique, or the text between
            the placeholders holds more than letters, digits, `.`, `_`, `-` and slashes.
    """

    template: str = "files/{folder}/{year}/{month}/{day}/{id}_{name}"

    def __post_init__(self) -> None:
        names = set(self._placeholders())
        if unknown := names - _PLACEHOLDERS:
            raise Misconfigured(
                f"The key template has an unknown placeholder {{{min(unknown)}}}; known are "
                f"{', '.join(sorted(_PLACEHOLDERS))}.",
                setting="S3_KEY_TEMPLATE",
            )
        if "id" not in names:
            raise Misconfigured(
                "The key template has no {id}, so two files could get one key; add it.", setting="S3_KEY_TEMPLATE"
            )
        sample = self.key(file_id=UUID(int=0), file_name="f", owner="o", folder="", created=datetime.now(UTC))
        if not _KEY.fullmatch(sample) or {".", ".."} & set(sample.split("/")):
            raise Misconfigured(
                "The key template may hold letters, digits, '.', '_', '-' and slashes around its placeholders, and no "
                "part of a key may be '.' or '..'.",
                setting="S3_KEY_TEMPLATE",
            )

    def key(self, *, file_id: UUID, file_name: str, owner: str, folder: str, created: datetime) -> str:
        """The key of one file. All of its characters come from a fixed ASCII alphabet."""
        moment = created.astimezone(UTC)
        filled = self.template.format(
            year=f"{moment:%Y}",
            month=f"{moment:%m}",
            day=f"{moment:%d}",
            hour=f"{moment:%H}",
            id=str(file_id),
            name=safe_name(file_name),
            owner=_UNSAFE.sub("_", owner).strip(".")[:_MAX_OWNER] or "_",
            folder=check_folder(folder),
            hash=file_id.hex[-2:],
        )
        return "/".join(part for part in filled.split("/") if part)

    def _placeholders(self) -> Iterator[str]:
        try:
            for _, name, spec, conversion in string.Formatter().parse(self.template):
                if spec or conversion:
                    raise ValueError("a format after a placeholder")
                if name is not None:
                    yield name
        except ValueError as error:
            raise Misconfigured(f"The key template cannot be read: {error}.", setting="S3_KEY_TEMPLATE") from error
