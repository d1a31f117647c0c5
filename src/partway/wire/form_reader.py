"""multipart/form-data as it comes (RFC 7578): fields whole, one file in pieces, nothing spooled. No I/O."""

from __future__ import annotations

from typing import NamedTuple

try:
    from python_multipart.exceptions import MultipartParseError
    from python_multipart.multipart import MultipartParser, parse_options_header
except ModuleNotFoundError as error:
    from partway.errors import MissingExtra

    raise MissingExtra("fastapi", module="python-multipart") from error

from partway.errors import InvalidInput, Refused

MAX_FIELDS_SIZE = 64 * 1024  #: bytes of all fields together, and of all that surrounds them
_MAX_FIELDS = 100
# What browsers write instead of characters that would end the name:
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
_ESCAPES = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


class Field(NamedTuple):
    """A field with its value."""

    name: str
    value: str


class FileBegins(NamedTuple):
    """The file begins; its bytes follow."""

    name: str  #: of the field
    file_name: str
    content_type: str  #: as declared; empty: not declared


class FileEnds(NamedTuple):
    """The file has ended."""


FormEvent = Field | FileBegins | FileEnds | bytes


def boundary_of(content_type: str) -> bytes:
    """The boundary that a `Content-Type` header names.

    Raises:
        Refused: the body is no form (code `unsupported_media_type`).
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:  # RFC 2046, section 5.1.1
        raise Refused("Send the file as multipart/form-data, with its boundary.", code="unsupported_media_type")
    return boundary


def closing_size(boundary: bytes) -> int:
    """Bytes that follow a form's last value: the boundary with its dashes and line ends."""
    return len(boundary) + len(b"\r\n----\r\n")


class FormReader:
    """Reads a form in the chunks in which it arrives.

    Args:
        boundary: `boundary_of` the request.
    """

    def __init__(self, boundary: bytes) -> None:
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._part_ends,
                "on_end": self._ends,
            },
        )
        self._events: list[FormEvent] = []
        self._headers: dict[bytes, bytes] = {}
        self._name = self._text = b""
        self._field: str | None = None  # its name, if the part is a field and no file
        self._value = bytearray()
        self._surroundings = 0  # bytes that are not the file's
        self._parts = 0
        self._ended = False

    def feed(self, chunk: bytes) -> list[FormEvent]:
        """The events that a chunk brings. A file's bytes come in the pieces in which they arrived.

        Raises:
            Refused: the body is no form (code `malformed_body`).
            InvalidInput: the fields are too many or too long.
        """
        self._surroundings += len(chunk)
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise Refused("The form cannot be read; it is cut off or damaged.", code="malformed_body") from error
        if self._surroundings > MAX_FIELDS_SIZE:
            raise InvalidInput(f"The form's fields have more than {MAX_FIELDS_SIZE} bytes.", code="body_too_large")
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """See that the form came to its end.

        Raises:
            Refused: it did not (code `malformed_body`).
        """
        if not self._ended:
            raise Refused("The form is cut off; send it again.", code="malformed_body")

    def _part_begins(self) -> None:
        self._headers = {}
        self._value.clear()
        self._parts += 1
        if self._parts > _MAX_FIELDS:
            raise InvalidInput(f"The form has more than {_MAX_FIELDS} fields.", code="body_too_large")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._text += data[start:end]

    def _header_ends(self) -> None:
        self._headers[self._name.lower()] = self._text
        self._name = self._text = b""

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise Refused("A part of the form has no name.", code="malformed_body")
        name = _decoded(options[b"name"])
        if b"filename" not in options:
            self._field = name
            return
        self._field = None
        file_name = _decoded(options[b"filename"])
        for escape, character in _ESCAPES:
            file_name = file_name.replace(escape, character)
        content_type = self._headers.get(b"content-type", b"").decode("latin-1")
        self._events.append(FileBegins(name, file_name, content_type))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._surroundings -= end - start
            self._events.append(data[start:end])
        else:
            self._value += data[start:end]

    def _part_ends(self) -> None:
        if self._field is None:
            self._events.append(FileEnds())
        else:
            self._events.append(Field(self._field, _decoded(bytes(self._value))))

    def _ends(self) -> None:
        self._ended = True


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("The form holds a text that is not UTF-8.") from error
