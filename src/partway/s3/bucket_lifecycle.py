"""A bucket's lifecycle rules: whether they abort forgotten uploads, and the one rule of ours among them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from partway.s3.bucket_rules import LIFECYCLE, Rule, RuleDocument, Tree, shape
from partway.s3.xml import Node

OWN_ID = "partway-abort-incomplete-uploads"  #: of our rule
ABORT = "AbortIncompleteMultipartUpload"
_PLAIN = {"ID", "Status", "Filter", "Prefix", ABORT}


@dataclass(frozen=True, slots=True)
class Abort:
    """That incomplete uploads are aborted."""

    prefix: str  #: of their keys; empty: the whole bucket
    days: int  #: since the upload was begun


def aborts(document: RuleDocument) -> list[Abort]:
    """What the enabled rules abort, the widest first."""
    found = (_abort(rule.node) for rule in document.rules if is_enabled(rule))
    return sorted({each for each in found if each is not None}, key=lambda each: (each.prefix, each.days))


def days_until_abort(document: RuleDocument, prefix: str) -> int | None:
    """Days after which every incomplete upload below a prefix is aborted; None: that is not so."""
    return min((each.days for each in aborts(document) if prefix.startswith(each.prefix)), default=None)


def abort_of(rule: Rule) -> Abort | None:
    """What a rule aborts, if it were in force; None: nothing, or not by prefix alone."""
    return _abort(rule.node)


def is_enabled(rule: Rule) -> bool:
    """Whether a rule is in force."""
    return (rule.node.text("Status") or "").strip() == "Enabled"


def prefix_of(node: Node) -> str | None:
    """The keys that a rule is for: a prefix and nothing else; None: it is for fewer (tags, sizes).

    Old rules have the prefix in themselves, not in a `Filter`.
    """
    filters = list(node.nodes("Filter"))
    if not filters:
        return node.text("Prefix") or ""
    if any(child.name != "Prefix" for child in filters[0].children):
        return None
    return filters[0].text("Prefix") or ""


def own_lifecycle_rules(document: RuleDocument, prefix: str) -> list[Rule]:
    """Our rule, or several if somebody copied it.

    By its ID; where no rule has one the store may not keep them: then by its content, for this very prefix.
    """
    if not document.without_ids():
        return [rule for rule in document.rules if rule.rule_id == OWN_ID]
    return [rule for rule in document.rules if _is_plain(rule.node) and is_enabled(rule) and _is_for(rule, prefix)]


def with_own_lifecycle_rule(document: RuleDocument, abort: Abort) -> RuleDocument:
    """The configuration with our rule."""
    own = own_lifecycle_rules(document, abort.prefix)
    return document.replaced(own, _tree(abort, old_form=_is_old(document, own)))


def without_own_lifecycle_rule(document: RuleDocument, prefix: str) -> RuleDocument:
    """The configuration without our rule."""
    return document.replaced(own_lifecycle_rules(document, prefix), None)


def lifecycle_meaning(document: RuleDocument) -> list[Hashable]:
    """The rules to be compared: without IDs, and rules that only abort by what they abort, however that is written."""
    return [_meaning(rule) for rule in document.rules]


def _meaning(rule: Rule) -> Hashable:
    if _is_plain(rule.node):
        return is_enabled(rule), _abort(rule.node)
    return tuple(shape(child) for child in rule.node.children if child.name != "ID")


def _is_for(rule: Rule, prefix: str) -> bool:
    abort = _abort(rule.node)
    return abort is not None and abort.prefix == prefix


def _is_plain(node: Node) -> bool:
    """Whether a rule aborts uploads below a prefix, and does nothing else."""
    return _abort(node) is not None and all(child.name in _PLAIN for child in node.children)


def _abort(node: Node) -> Abort | None:
    prefix = prefix_of(node)
    days = next((each.text("DaysAfterInitiation") or "" for each in node.nodes(ABORT)), "").strip()
    if prefix is None or not (days.isascii() and days.isdigit() and len(days) < 10):
        return None
    return Abort(prefix, int(days))


def _is_old(document: RuleDocument, own: list[Rule]) -> bool:
    """Whether all other rules are of the old form.

    A store may refuse to mix both: "Base level prefix cannot be used in Lifecycle V2".
    """
    others = [rule for rule in document.rules if rule not in own]
    return bool(others) and all(not list(rule.node.nodes("Filter")) for rule in others)


def _tree(abort: Abort, *, old_form: bool) -> Tree:
    prefix: Tree = ("Prefix", abort.prefix)
    return LIFECYCLE.rule, [
        ("ID", OWN_ID),
        prefix if old_form else ("Filter", [prefix]),
        ("Status", "Enabled"),
        (ABORT, [("DaysAfterInitiation", str(abort.days))]),
    ]
