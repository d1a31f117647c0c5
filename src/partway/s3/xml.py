"""Reads the XML that stores answer with: bounded, without entities, whatever the namespace."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from partway.errors import StoreRefused

_MAX_SIZE = 32 * 1024 * 1024  #: bytes; a page of 1,000 rows has far less


class Node:
    """An element, asked for by names without a namespace."""

    def __init__(self, element: ElementTree.Element) -> None:
        self._element = element

    @property
    def name(self) -> str:
        """The element's own name."""
        return _plain(self._element.tag)

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
            raise _unreadable(f"<{name}> is missing in <{self.name}>")
        return found

    def nodes(self, name: str) -> Iterator[Node]:
        """All children of that name."""
        return (Node(child) for child in self._children(name))

    def _children(self, name: str) -> Iterator[ElementTree.Element]:
        return (child for child in self._element if _plain(child.tag) == name)


def parse(body: bytes) -> Node:
    """Read a document.

    Raises:
        StoreRefused: it is no XML, too large, or has a document type, which no store needs and which could expand.
    """
    if len(body) > _MAX_SIZE:
        raise _unreadable("it is too large")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise _unreadable("it has a document type")
    try:
        return Node(ElementTree.fromstring(body.strip()))  # noqa: S314  # bounded, and entities are refused above
    except ElementTree.ParseError as error:
        raise _unreadable("it is not XML") from error


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]


def _unreadable(problem: str) -> StoreRefused:
    return StoreRefused(
        f"The store's answer cannot be read: {problem}. Is the endpoint an S3 store?", code="store_answer_unreadable"
    )
