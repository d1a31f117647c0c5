"""What a setting's value may be: each kind reads a value, or says that it is none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.module_loading import import_string

_MIN_SECRET = 32  # bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value."""

    wanted: str  #: the end of a sentence that begins with "it must be"
    read: Callable[[Any], Any]  #: raises ValueError, TypeError or ImportError for a value that is none
    is_secret: bool = False  #: no error repeats the value


def or_none(kind: Kind) -> Kind:
    """The same, or None."""
    read = kind.read
    return Kind(f"{kind.wanted}, or None", lambda value: None if value is None else read(value), kind.is_secret)


def whole(low: int, high: int) -> Kind:
    """A whole number in a range."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return Kind(f"a whole number from {low} to {high}", read)


def instance_of(kind: type, wanted: str) -> Kind:
    """A value of a type."""

    def read(value: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError
        return value

    return Kind(wanted, read)


def imported(wanted: str, fits: Callable[[Any], bool]) -> Kind:
    """An object of the project's, or its dotted path."""

    def read(value: Any) -> Any:
        found = import_string(value) if isinstance(value, str) else value
        if not fits(found):
            raise TypeError
        return found

    return Kind(f"{wanted}, or its dotted path", read)


def all_of(kind: Kind, wanted: str) -> Kind:
    """A list whose members are of one kind."""

    def read(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise TypeError
        return tuple(kind.read(each) for each in value)

    return Kind(wanted, read)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _secret(value: Any) -> str:
    secret = _text(value)
    if len(secret.encode()) < _MIN_SECRET:
        raise ValueError
    return secret


def _url(value: Any) -> str:
    parts = urlsplit(_text(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
        raise ValueError
    return parts.geturl().rstrip("/")


def _names(value: Any) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Collection):
        raise TypeError
    return frozenset(_text(name).lower().removeprefix(".") for name in value)


def _tags(value: Any) -> dict[str, str]:
    if not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise TypeError
    return dict(value)


SWITCH = instance_of(bool, "True or False")
ANY_TEXT = instance_of(str, "a text")
TEXT = Kind("a text that is not empty", _text)
SECRET = Kind(f"a text of at least {_MIN_SECRET} bytes", _secret, is_secret=True)
PRIVATE_TEXT = Kind("a text that is not empty", _text, is_secret=True)
URL = Kind("a URL such as https://files.example.com", _url)
NAMES = Kind("a list of texts", _names)
TAGS = Kind("a dict of texts", _tags)
