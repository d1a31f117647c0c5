"""Reads the XML that stores answer with: bounded, without entities, whatever the namespace."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from partway.errors import StoreRefused

MAX_SIZE = 32 * 1024 * 1024  #: bytes of an answer; a page of 1,000 rows has far less
_MAX_DIGITS = 20


class Node:
    """An element, asked for by names without a namespace."""

    def __init__(self, element: ElementTree.Element) -> None:
        self._element = element

    @property
    def name(self) -> str:
        """The element's own name."""
        return _plain(self._element.tag)

    @property
    def value(self) -> str:
        """The element's own text, up to its first child."""
        return self._element.text or ""

    @property
    def children(self) -> list[Node]:
        """All children, whatever their names."""
        return [Node(child) for child in self._element]

    def text(self, name: str) -> str | None:
        """The text of the first child of that name; None if there is none."""
        child = next(self._children(name), None)
        return None if child is None else child.text or ""

    def texts(self, name: str) -> list[str]:
        """The texts of all children of that name."""
        return [child.text or "" for child in self._children(name)]

    def need(self, name: str) -> str:
        """The text of a child that must be there.

        Raises:
            StoreRefused: it is not (code `store_answer_unreadable`).
        """
        found = self.text(name)
        if found is None:
            raise unreadable(f"<{name}> is missing in <{self.name}>")
        return found

    def number(self, name: str) -> int:
        """The whole number in a child that must be there.

        Raises:
            StoreRefused: it is not, or is no number (code `store_answer_unreadable`).
        """
        text = self.need(name)
        if not (text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS):
            raise unreadable(f"<{name}> is no number")
        return int(text)

    def nodes(self, name: str) -> Iterator[Node]:
        """All children of that name."""
        return (Node(child) for child in self._children(name))

    def _children(self, name: str) -> Iterator[ElementTree.Element]:
        return (child for child in self._element if _plain(child.tag) == name)


def parse(body: bytes, *, root: str | None = None) -> Node:
    """Read a document.

    Args:
        body: of an answer.
        root: the name that its root element must have; None: any.

    Raises:
        StoreRefused: it is not such a document, too large, or has a document type, which no store needs and which could
            expand (code `store_answer_unreadable`).
    """
    if len(body) > MAX_SIZE:
        raise unreadable("it is too large")
    # A NUL betrays UTF-16, in which a document type would not be seen.
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body or b"\0" in body:
        raise unreadable("it has a document type")
    try:
        document = Node(ElementTree.fromstring(body.strip()))  # noqa: S314  # bounded, and entities are refused above
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise unreadable("it is not XML") from error
    if root is not None and document.name != root:
        raise unreadable(f"it is no {root}")
    return document


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]


def unreadable(problem: str) -> StoreRefused:
    """The store answers something that S3 does not."""
    return StoreRefused(
        f"The store's answer cannot be read: {problem}. Is the endpoint an S3 store?", code="store_answer_unreadable"
    )
