"""File types by their signatures, by the library `filetype`. docs/content.md says why this one."""

from __future__ import annotations

try:
    import filetype  # type: ignore[import-untyped]  # it ships no types
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("detection", module="filetype") from error


class Signatures:
    """A `core.ports.TypeDetector`. Costs microseconds: it compares a few bytes with some eighty signatures."""

    def detect(self, head: bytes) -> str | None:
        """The media type that the first bytes of a file are the signature of; None: of none that is known."""
        found = filetype.guess_mime(head)
        return None if found is None else str(found)
