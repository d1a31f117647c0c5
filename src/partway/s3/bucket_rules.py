"""Changes one rule of a bucket's CORS or lifecycle configuration and leaves every other byte as it is.

PutBucketCors and PutBucketLifecycleConfiguration replace the whole configuration, so whoever adds a rule must send the
others again, also what it has never heard of. Hence the document itself is cut and spliced, not built anew from values:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from partway.s3.answers import S3Answer
from partway.s3.refusals import error_code, raise_for
from partway.s3.xml import Node, parse, unreadable

_XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
_MINIMUM_SIZE = "x-amz-transition-default-minimum-object-size"

#: An element to be written: its name, and its text or its children.
Tree = tuple[str, "str | Sequence[Tree]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleKind:
    """One of a bucket's configurations that is a list of rules."""

    subresource: str  #: the query that names it
    root: str  #: element
    rule: str  #: element
    absent: str  #: the store's word for a bucket without one


CORS = RuleKind(
    subresource="cors", root="CORSConfiguration", rule="CORSRule", absent="NoSuchCORSConfiguration"
)  #: GetBucketCors
LIFECYCLE = RuleKind(
    subresource="lifecycle", root="LifecycleConfiguration", rule="Rule", absent="NoSuchLifecycleConfiguration"
)  #: GetBucketLifecycleConfiguration


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as it stands in its document."""

    node: Node
    start: int  #: byte of the document
    end: int  #: byte behind it

    @property
    def rule_id(self) -> str:
        """Its ID; empty if it has none."""
        return self.node.text("ID") or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDocument:
    """A configuration as the store answered it; without a body, the bucket has none."""

    kind: RuleKind
    body: bytes = b""
    rules: Sequence[Rule] = ()
    prefix: str = ""  #: of the names of its elements, with the colon
    inner_end: int | None = None  #: byte at which the root's end tag stands; None: it has no content
    headers: tuple[
        tuple[str, str], ...
    ] = ()  #: what the store said beside the document and forgets if it is not resent

    def without_ids(self) -> bool:
        """Whether none of its rules has an ID: perhaps the store does not keep them."""
        return not any(rule.rule_id for rule in self.rules)

    def replaced(self, own: Collection[Rule], tree: Tree | None, *, first: bool = False) -> RuleDocument:
        """The document with one rule in place of some, and with all others byte for byte as they are.

        Args:
            own: the rules of this document that go.
            tree: the rule that comes; None: none.
            first: whether it shall stand before all others; else it stands where the first of `own` stood, or last.

        Returns:
            A document without a body if no rule remains: the configuration is then to be deleted.
        """
        new = b"" if tree is None else _write(tree, self.prefix)
        if self.inner_end is None:
            return self._of(_whole(self.kind, new) if new else b"")
        places = [rule.start for rule in (self.rules if first else own)]
        place = min(places, default=self.inner_end)
        pieces = bytearray()
        done = 0
        for start, end, piece in sorted([(place, place, new), *((rule.start, rule.end, b"") for rule in own)]):
            pieces += self.body[done:start] + piece
            done = end
        changed = self._of(bytes(pieces + self.body[done:]))
        return self._of(b"") if not changed.rules and changed.is_bare() else changed

    def is_bare(self) -> bool:
        """Whether there is nothing in it, not even something that is no rule."""
        return not self.body or not parse(self.body).children

    def _of(self, body: bytes) -> RuleDocument:
        return read_document(self.kind, body, headers=self.headers)


def read_answer(kind: RuleKind, answer: S3Answer) -> RuleDocument:
    """The configuration that the store answered.

    Raises:
        StoreRefused: it is none that can be read; also a "404" that does not say in S3's words that there is none:
            it might come from something in between, and nothing may be written on the strength of it.
    """
    code = error_code(answer.status, answer.body)
    if answer.status == 404 and code == kind.absent:
        return RuleDocument(kind=kind)
    if answer.status == 404 and code != "NoSuchBucket":
        raise unreadable(f"it says neither which {kind.subresource} rules there are nor that there are none")
    raise_for(answer.status, answer.body)
    parse(answer.body, root=kind.root)
    kept = answer.headers.get(_MINIMUM_SIZE)
    return read_document(kind, answer.body, headers=() if kept is None else ((_MINIMUM_SIZE, kept),))


def read_document(kind: RuleKind, body: bytes, *, headers: tuple[tuple[str, str], ...] = ()) -> RuleDocument:
    """Find the rules of a document; see `RuleDocument`.

    Raises:
        StoreRefused: it cannot be read (code `store_answer_unreadable`).
    """
    if not body:
        return RuleDocument(kind=kind, headers=headers)
    body = body.strip()
    nodes = list(parse(body, root=kind.root).nodes(kind.rule))
    spans = _Spans(body)
    found = [(start, end) for name, start, end in spans.children if name.rpartition(":")[2] == kind.rule]
    if len(found) != len(nodes):
        raise unreadable("its rules cannot be told apart")
    return RuleDocument(
        kind=kind,
        body=body,
        rules=tuple(Rule(node, start, end) for node, (start, end) in zip(nodes, found, strict=True)),
        prefix="".join(spans.root.rpartition(":")[:2]),
        inner_end=spans.inner_end,
        headers=headers,
    )


def new_document(kind: RuleKind, rules: Sequence[Tree]) -> bytes:
    """A configuration of these rules alone."""
    return _whole(kind, b"".join(_write(rule, "") for rule in rules))


def shape(node: Node) -> Hashable:
    """An element with all that is in it, to be compared: whatever its white space, its namespace or its comments."""
    return node.name, "" if node.children else node.value, tuple(shape(child) for child in node.children)


def as_data(node: Node) -> Any:
    """An element as JSON shows it: its text, or an object of its children; children of one name are a list."""
    if not node.children:
        return node.value
    counts = Counter(child.name for child in node.children)
    data: dict[str, Any] = {}
    for child in node.children:
        if counts[child.name] > 1:
            data.setdefault(child.name, []).append(as_data(child))
        else:
            data[child.name] = as_data(child)
    return data


class _Spans:
    """Where the root's children stand in a document that `parse` has taken."""

    def __init__(self, body: bytes) -> None:
        self.root = ""
        self.children: list[tuple[str, int, int]] = []
        self.inner_end: int | None = None
        self._body = body
        self._depth = self._start = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close
        self._parser.Parse(body, True)

    def _open(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1:
            self.root = name
        elif self._depth == 2:
            self._start = self._parser.CurrentByteIndex

    def _close(self, name: str) -> None:
        at = self._parser.CurrentByteIndex
        # Of an empty element (`<a/>`) the parser names the byte behind it, of others that of the end tag.
        has_end_tag = self._body.startswith(b"</" + name.encode(), at)
        if self._depth == 2:
            self.children.append((name, self._start, self._body.index(b">", at) + 1 if has_end_tag else at))
        elif self._depth == 1 and has_end_tag:
            self.inner_end = at
        self._depth -= 1


def _whole(kind: RuleKind, rules: bytes) -> bytes:
    return f'<{kind.root} xmlns="{_XMLNS}">'.encode() + rules + f"</{kind.root}>".encode()


def _write(tree: Tree, prefix: str) -> bytes:
    """In ASCII, which stands in a document of any encoding that we read."""
    name, content = tree
    if isinstance(content, str):
        inner = escape(content).encode("ascii", "xmlcharrefreplace")
    else:
        inner = b"".join(_write(child, prefix) for child in content)
    tag = f"{prefix}{name}".encode()
    return b"<" + tag + b">" + inner + b"</" + tag + b">"
