"""Safe file names, and object keys from templates.

A key is ASCII from a fixed alphabet and is decided once. The user's own name lives in the record and in
`Content-Disposition`, never in a key.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from partway.errors import InvalidInput, Misconfigured

MAX_NAME_LENGTH = 255  #: characters of a file name, as file systems and SeaweedFS's key components have it
MAX_KEY_LENGTH = 1024  #: bytes; https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
SUFFIX_LENGTH = 9  #: characters of an underscore and what keeps two equal keys apart
_MAX_SAFE_NAME = 100
_MAX_EXTENSION = 20
_MAX_FOLDER = 200
_MAX_OWNER = 64
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_DOTS = re.compile(r"[_-]*\.[._-]*")
_FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99})*")
_KEY = re.compile(r"[A-Za-z0-9._/-]+")
_FOLDER_PLACEHOLDERS = frozenset({"year", "month", "day", "hour", "hash", "owner", "folder"})
_PLACEHOLDERS = _FOLDER_PLACEHOLDERS | {"id", "name", "extension", "timestamp"}
_MAX_SEGMENT = 255  #: bytes between two slashes, as file systems and SeaweedFS have it


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
    stem, dot, extension = _DOTS.sub(".", _UNSAFE.sub("_", plain)).rstrip("._-").rpartition(".")
    if not dot:
        stem, extension = extension, ""
    extension = extension[:_MAX_EXTENSION].rstrip("_-")
    tail = f".{extension}" if extension else ""
    return (stem.lstrip("._-")[: _MAX_SAFE_NAME - len(tail)].rstrip("._-") or "file") + tail


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

    Placeholders: `{year}`, `{month}`, `{day}`, `{hour}`, `{timestamp}` (`20250115_143022`; all UTC, of the creation),
    `{id}` (the file's UUID), `{name}` (the safe name), `{extension}` (the safe name's, with its dot; may be empty),
    `{owner}`, `{folder}` (what the uploader chose, may be empty), `{hash}` (two hex digits of the id's random end, to
    spread keys). Empty parts vanish.

    Args:
        template: text and placeholders.
        setting: what a refusal names.
        may_repeat: allow a template without `{id}`, by which two files can get one key; see `core.reservation`.

    Raises:
        Misconfigured: at construction, if a placeholder is unknown, the keys would not be unique and may not repeat,
            they could be longer than a store takes, or the text between the placeholders holds more than letters,
            digits, `.`, `_`, `-` and slashes.
    """

    template: str = "files/{folder}/{year}/{month}/{day}/{id}_{name}"
    setting: str = "S3_KEY_TEMPLATE"
    may_repeat: bool = False

    def __post_init__(self) -> None:
        names = set(_placeholders(self.template, self.setting))
        _check_known(names, _PLACEHOLDERS, self.setting)
        if "id" not in names and not self.may_repeat:
            raise Misconfigured(
                "The key template has no {id}, so two files could get one key; add it.", setting=self.setting
            )
        shortest = self._filled(_SHORTEST)
        if not _KEY.fullmatch(shortest) or {".", ".."} & set(shortest.split("/")):
            raise Misconfigured(
                f"{self.setting}: the template of keys may hold letters, digits, '.', '_', '-' and slashes around its "
                "placeholders, and no part of a key may be '.' or '..'.",
                setting=self.setting,
            )
        longest = self._filled(_LONGEST)
        if len(longest) > MAX_KEY_LENGTH or max(map(len, longest.split("/"))) > _MAX_SEGMENT:
            raise Misconfigured(
                f"{self.setting} can make keys of more than {MAX_KEY_LENGTH} bytes, or of more than {_MAX_SEGMENT} "
                "between two slashes; shorten it.",
                setting=self.setting,
            )

    @classmethod
    def named(
        cls,
        *,
        uuid_prefix: bool = True,
        preserve_filename: bool = True,
        folder_structure: str = "{year}/{month}/{day}",
    ) -> Self:
        """The template that three plain choices mean.

        With the UUID: `2025/01/15/<uuid>_document.pdf`, or `<uuid>.pdf` without the name. Without it a time stands in
        front of the name, `2025/01/15/20250115_143022_document.pdf`, or alone; in an empty structure the name stands
        alone. The uploader's folder goes where `{folder}` stands, else in front of the structure.

        Args:
            uuid_prefix: begin the last part of a key with the file's UUID.
            preserve_filename: end it with the safe name, else with the extension alone.
            folder_structure: what stands in front: text, `{year}`, `{month}`, `{day}`, `{hour}`, `{hash}`, `{owner}`,
                `{folder}`.

        Raises:
            Misconfigured: the structure is wrong (the fact `setting` is `S3_FOLDER_STRUCTURE`).
        """
        setting = "S3_FOLDER_STRUCTURE"
        structure = folder_structure.strip().strip("/")
        names = set(_placeholders(structure, setting))
        _check_known(names, _FOLDER_PLACEHOLDERS, setting)
        last = {
            (True, True): "{id}_{name}",
            (True, False): "{id}{extension}",
            (False, True): "{timestamp}_{name}" if structure else "{name}",
            (False, False): "{timestamp}{extension}",
        }[uuid_prefix, preserve_filename]
        parts = [structure, last] if "folder" in names else ["{folder}", structure, last]
        return cls("/".join(part for part in parts if part), setting=setting, may_repeat=not uuid_prefix)

    @property
    def fixed_prefix(self) -> str:
        """What every key begins with, whatever the file."""
        return self.template.partition("{")[0]

    def key(self, *, file_id: UUID, file_name: str, owner: str, folder: str, created: datetime) -> str:
        """The key of one file. All of its characters come from a fixed ASCII alphabet."""
        moment = created.astimezone(UTC)
        name = safe_name(file_name)
        return self._filled(
            {
                "year": f"{moment:%Y}",
                "month": f"{moment:%m}",
                "day": f"{moment:%d}",
                "hour": f"{moment:%H}",
                "timestamp": f"{moment:%Y%m%d_%H%M%S}",
                "id": str(file_id),
                "name": name,
                "extension": _split_name(name)[1],
                "owner": _UNSAFE.sub("_", owner).strip(".")[:_MAX_OWNER] or "_",
                "folder": check_folder(folder),
                "hash": file_id.hex[-2:],
            }
        )

    def _filled(self, values: Mapping[str, str]) -> str:
        return "/".join(part for part in self.template.format_map(values).split("/") if part)


#: The shortest and the longest that each placeholder can become.
_SHORTEST = {name: "" if name in {"folder", "extension"} else "a" for name in _PLACEHOLDERS}
_LONGEST = {
    "year": "2" * 4,
    "month": "2" * 2,
    "day": "2" * 2,
    "hour": "2" * 2,
    "timestamp": "2" * 15,
    "id": "a" * 36,
    "name": "a" * (_MAX_SAFE_NAME + SUFFIX_LENGTH),
    "extension": "." + "a" * (_MAX_EXTENSION + SUFFIX_LENGTH),
    "owner": "a" * _MAX_OWNER,
    "folder": "a" * 100 + "/" + "a" * (_MAX_FOLDER - 101),
    "hash": "a" * 2,
}


def is_key(text: str) -> bool:
    """Whether a text could be a key of ours."""
    return len(text) <= MAX_KEY_LENGTH and _KEY.fullmatch(text) is not None


def is_unique(key: str, file_id: UUID) -> bool:
    """Whether no other file can have this key: it holds the file's id."""
    return str(file_id) in key


def with_suffix(key: str, suffix: str) -> str:
    """The key with a suffix of at most `SUFFIX_LENGTH` - 1 characters behind its stem: `a/b.pdf` → `a/b_suffix.pdf`."""
    folders, slash, last = key.rpartition("/")
    stem, extension = _split_name(last)
    return f"{folders}{slash}{stem}_{suffix}{extension}"


def _split_name(name: str) -> tuple[str, str]:
    """Stem and extension, the latter with its dot; a name that only begins with a dot has none."""
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if dot and stem else (name, "")


def _check_known(names: set[str], known: frozenset[str], setting: str) -> None:
    if unknown := names - known:
        raise Misconfigured(
            f"{setting} has an unknown placeholder {{{min(unknown)}}}; known are {', '.join(sorted(known))}.",
            setting=setting,
        )


def _placeholders(template: str, setting: str) -> Iterator[str]:
    try:
        for _, name, spec, conversion in string.Formatter().parse(template):
            if spec or conversion:
                raise ValueError("a format after a placeholder")
            if name is not None:
                yield name
    except ValueError as error:
        raise Misconfigured(f"{setting} cannot be read: {error}.", setting=setting) from error
