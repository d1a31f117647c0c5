"""A bucket's CORS rules: what they let a page do, and the one rule of ours among them.

How a store chooses among rules: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from partway.s3.bucket_rules import CORS, Rule, RuleDocument, Tree, new_document, shape
from partway.s3.xml import Node, parse

OWN_ID = "partway-uploads"  #: of our rule
METHODS = ("GET", "HEAD", "PUT")  #: what a page sends to the store
HEADERS = ("content-md5", "content-type", "if-none-match", "x-amz-*")  #: what it sends along
EXPOSED = ("ETag",)  #: what it must be able to read
_MAX_AGE = 3600  #: seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsRule:
    """Who may do what to a bucket from a page of another origin."""

    origins: Sequence[str]
    methods: Sequence[str] = METHODS
    allowed_headers: Sequence[str] = ("*",)
    exposed_headers: Sequence[str] = EXPOSED
    max_age: int | None = _MAX_AGE  #: seconds that a browser may keep the answer; None: the rule does not say
    rule_id: str = ""  #: empty: none


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a page of one origin can send files to the bucket."""

    origin: str
    problems: Sequence[str]

    @property
    def works(self) -> bool:
        """Whether nothing is missing."""
        return not self.problems


def cors_rules(document: RuleDocument) -> list[CorsRule]:
    """The rules as values, in the store's order."""
    return [cors_rule(rule) for rule in document.rules]


def cors_rule(rule: Rule) -> CorsRule:
    """One rule as a value."""
    age = (rule.node.text("MaxAgeSeconds") or "").strip()
    return CorsRule(
        origins=tuple(rule.node.texts("AllowedOrigin")),
        methods=tuple(rule.node.texts("AllowedMethod")),
        allowed_headers=tuple(rule.node.texts("AllowedHeader")),
        exposed_headers=tuple(rule.node.texts("ExposeHeader")),
        max_age=int(age) if age.isascii() and age.isdigit() and len(age) < 10 else None,
        rule_id=rule.rule_id,
    )


def cors_document(rules: Iterable[CorsRule]) -> bytes:
    """A configuration of these rules alone."""
    return new_document(CORS, [_tree(rule) for rule in rules])


def own_cors_rules(document: RuleDocument) -> list[Rule]:
    """Our rule, or several if somebody copied it.

    By its ID; where no rule has one the store may not keep them: then by its content, whatever the origins.
    """
    if not document.without_ids():
        return [rule for rule in document.rules if rule.rule_id == OWN_ID]
    ours = _meaning(_node_of(own_rule([])))
    return [rule for rule in document.rules if _meaning(rule.node, with_origins=False) == ours]


def own_rule(origins: Sequence[str]) -> CorsRule:
    """The rule that lets pages of these origins send files."""
    return CorsRule(origins=tuple(origins), allowed_headers=HEADERS, rule_id=OWN_ID)


def with_own_cors_rule(document: RuleDocument, origins: Sequence[str]) -> RuleDocument:
    """The configuration with our rule for these origins.

    A store answers by the first rule that fits. Ours stands where it stood, or last; but first, if another would
    otherwise answer in its place and hide the `ETag`.
    """
    own, tree = own_cors_rules(document), _tree(own_rule(origins))
    last, first = (document.replaced(own, tree, first=each) for each in (False, True))
    return last if all(verdict.works for verdict in judge(cors_rules(last), origins)) else first


def without_own_cors_rule(document: RuleDocument) -> RuleDocument:
    """The configuration without our rule."""
    return document.replaced(own_cors_rules(document), None)


def cors_meaning(document: RuleDocument) -> list[Hashable]:
    """The rules to be compared: without IDs, which not every store keeps, and whatever the order within a rule."""
    return [_meaning(rule.node) for rule in document.rules]


def judge(rules: Sequence[CorsRule], origins: Iterable[str]) -> list[Verdict]:
    """Whether pages of these origins could send files to the bucket and read what they need."""
    return [Verdict(origin, _problems(rules, origin)) for origin in origins]


def _problems(rules: Sequence[CorsRule], origin: str) -> list[str]:
    fitting = [rule for rule in rules if _one_fits(rule.origins, origin)]
    if not fitting:
        return ["no rule allows this origin"]
    problems = [f"{method} is not allowed" for method in METHODS if not any(method in rule.methods for rule in fitting)]
    puts = [rule for rule in fitting if "PUT" in rule.methods]
    if puts:
        # The preflight names all headers, and one rule must allow them together.
        missing = min(([name for name in HEADERS if not _allows(rule, name)] for rule in puts), key=len)
        problems += [f"the header {name} is not allowed" for name in missing]
        # The PUT itself is answered by the first rule that fits, also if it is not the one that allowed it.
        exposed = {name.lower() for name in puts[0].exposed_headers}
        if not exposed & {"etag", "*"}:
            problems.append("ETag is not exposed")
    return problems


def _allows(rule: CorsRule, header: str) -> bool:
    return _one_fits([allowed.lower() for allowed in rule.allowed_headers], header)


def _one_fits(patterns: Iterable[str], text: str) -> bool:
    return any(_fits(pattern, text) for pattern in patterns)


def _fits(pattern: str, text: str) -> bool:
    """Whether a pattern with at most one `*` covers a text; one with more covers only itself."""
    head, star, tail = pattern.partition("*")
    if not star or "*" in tail:
        return pattern == text
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)


def _meaning(node: Node, *, with_origins: bool = True) -> Hashable:
    """An element's children in no order, without the ID."""
    left_out = {"ID"} if with_origins else {"ID", "AllowedOrigin"}
    return frozenset(shape(child) for child in node.children if child.name not in left_out)


def _node_of(rule: CorsRule) -> Node:
    return next(parse(new_document(CORS, [_tree(rule)])).nodes(CORS.rule))


def _tree(rule: CorsRule) -> Tree:
    lists = {
        "ID": [rule.rule_id] if rule.rule_id else [],
        "AllowedOrigin": rule.origins,
        "AllowedMethod": rule.methods,
        "AllowedHeader": rule.allowed_headers,
        "ExposeHeader": rule.exposed_headers,
        "MaxAgeSeconds": [] if rule.max_age is None else [str(rule.max_age)],
    }
    return CORS.rule, [(name, value) for name, values in lists.items() for value in values]
