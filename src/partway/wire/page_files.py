"""The files of the page and of the JavaScript client, ready to be sent. Read once: they are small, and no name ever
reaches the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}  #: suffix → media type


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page."""

    content: bytes
    media_type: str

    @property
    def etag(self) -> str:
        """Names the content, in quotes."""
        return f'"{sha256(self.content).hexdigest()[:32]}"'


@cache
def page_files() -> Mapping[str, PageFile]:
    """All of them by their paths: `partway/index.js`."""
    return dict(_read(files("partway") / "page"))


def _read(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, PageFile]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        else:
            suffix = f".{entry.name.rpartition('.')[2]}"
            if suffix in TYPES:
                yield f"{prefix}{entry.name}", PageFile(entry.read_bytes(), TYPES[suffix])
