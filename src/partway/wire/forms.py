"""What a form that uploads a file says: its fields in their types, its sizes, and what may follow the file. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from partway.core.initiation import NewUpload
from partway.errors import InvalidInput, PolicyRefused, Refused
from partway.wire.form_reader import MAX_FIELDS_SIZE, Field, FileBegins, FormEvent, boundary_of, closing_size

_LATE = frozenset({"description", "is_public", "metadata"})  # may follow the file: they do not decide its key


class Form:
    """A form on its way: what was read of it so far.

    Args:
        content_type: of the request.
        content_length: of the request, as its header says.
        query: fields that the request's query names already.
        max_file_size: bytes; None: no limit.

    Raises:
        Refused: it is no form, or its length is not announced (`length_required`).
        PolicyRefused: it is too large, before a byte of it is read.
    """

    def __init__(
        self, *, content_type: str, content_length: str, query: Mapping[str, str], max_file_size: int | None
    ) -> None:
        self._max_file_size = max_file_size
        self._fields = dict(query)
        self._early: dict[str, str] = {}
        self.bound = self._announced_size(content_type, content_length)  #: bytes that the file can have at most

    def take(self, event: FormEvent) -> FileBegins | None:
        """Note a field that stands in front of the file; gives the file's beginning.

        Raises:
            InvalidInput: the file's field has another name.
        """
        if isinstance(event, FileBegins):
            if event.name != "file":
                raise InvalidInput("The file's field must be named 'file'.", field="file")
            self._early = dict(self._fields)
            return event
        if isinstance(event, Field):
            self._fields[event.name] = event.value
        return None

    def take_rest(self, event: FormEvent) -> None:
        """Note a field that follows the file.

        Raises:
            InvalidInput: there is another file.
        """
        if isinstance(event, FileBegins):
            raise InvalidInput("The form has more than one file; send one in each request.", field="file")
        if isinstance(event, Field):
            self._fields[event.name] = event.value

    def new(self, begins: FileBegins, file_size: int) -> NewUpload:
        """The file that the form begins, with the fields that are known by now.

        Raises:
            InvalidInput: a field is not of its type.
        """
        fields = self._fields
        changes = _changes({name: value for name, value in fields.items() if name in _LATE})
        return NewUpload(
            file_name=begins.file_name,
            file_size=file_size,
            file_content_type=begins.content_type,
            presign_parts=0,
            folder=fields.get("folder", ""),
            description=changes.get("description", ""),
            is_public=changes.get("is_public", False),
            metadata=changes.get("metadata", {}),
            parent_content_type=fields.get("parent_content_type") or None,
            parent_object_id=fields.get("parent_object_id") or None,
        )

    def late_changes(self) -> dict[str, Any]:
        """What the fields behind a file that was stored already change.

        Raises:
            InvalidInput: one of them had to be known before.
        """
        late = {name: value for name, value in self._fields.items() if self._early.get(name) != value}
        if too_late := late.keys() - _LATE:
            raise InvalidInput(
                f"The field '{min(too_late)}' came behind a large file, which had to be stored before: send it in "
                "front of the file, or in the query.",
                field=min(too_late),
            )
        return _changes(late)

    def check_size(self, size: int) -> None:
        """Raise `PolicyRefused` if so many bytes of the file are more than it may have."""
        if size > self.bound:
            self._refuse_size()

    def _announced_size(self, content_type: str, length: str) -> int:
        """The most bytes that the file can have, by the length of the body."""
        boundary = boundary_of(content_type)
        if not (length.isascii() and length.isdigit()):
            raise Refused("Send the form with a Content-Length.", code="length_required")
        bound = max(0, int(length) - closing_size(boundary))
        if self._max_file_size is not None and bound > self._max_file_size:
            if bound > self._max_file_size + MAX_FIELDS_SIZE:
                self._refuse_size()
            bound = self._max_file_size
        return bound

    def _refuse_size(self) -> None:
        raise PolicyRefused(
            f"The file is too large; at most {self._max_file_size} bytes are allowed.",
            code="file_too_large",
            max_file_size=self._max_file_size,
        )


def no_file() -> InvalidInput:
    """The error for a form without a file."""
    return InvalidInput("The form has no file; send one in the field 'file'.", field="file")


def _changes(fields: dict[str, str]) -> dict[str, Any]:
    """The fields of a form in their types."""
    changes: dict[str, Any] = {}
    if "description" in fields:
        changes["description"] = fields["description"]
    if "is_public" in fields:
        changes["is_public"] = _truth(fields["is_public"])
    if fields.get("metadata"):
        changes["metadata"] = _json_object(fields["metadata"])
    return changes


def _truth(text: str) -> bool:
    plain = text.strip().lower()
    if plain in {"true", "1", "on", "yes"}:
        return True
    if plain in {"false", "0", "off", "no", ""}:
        return False
    raise InvalidInput("is_public must be true or false.", field="is_public")


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("metadata must be a JSON object.", field="metadata", code="invalid_metadata") from error
    if not isinstance(found, dict):
        raise InvalidInput("metadata must be a JSON object.", field="metadata", code="invalid_metadata")
    return found
