"""How a bucket's CORS and lifecycle rules are shown: as lines for people and as data for scripts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from difflib import ndiff
from typing import Any

import click

from partway.cli.remote import printable
from partway.s3.bucket_cors import Verdict, cors_meaning, cors_rule, cors_rules, judge, own_cors_rules
from partway.s3.bucket_lifecycle import (
    ABORT,
    abort_of,
    aborts,
    days_until_abort,
    is_enabled,
    lifecycle_meaning,
    own_lifecycle_rules,
    prefix_of,
)
from partway.s3.bucket_rules import CORS, LIFECYCLE, Rule, RuleDocument, RuleKind, as_data
from partway.s3.xml import Node

_LABEL = 9  #: characters
_LOUD = {"-": "red", "+": "green"}
Data = dict[str, Any]


class View(ABC):
    """What one kind of rules looks like."""

    kind: RuleKind
    title: str  #: what the rules are called
    permission: str  #: the end of the name of the permission to read or to change them

    def heading(self, document: RuleDocument) -> str:
        """How many there are."""
        return f"{_count(len(document.rules), f'{self.title} rule') if document.rules else f'No {self.title} rules'}"

    def rule_lines(self, document: RuleDocument) -> list[str]:
        """All rules."""
        own = self.own(document)
        lines = []
        for rule in document.rules:
            lines += [_name(rule) + (click.style("  (ours)", fg="cyan") if rule in own else ""), *self._block(rule)]
        return lines

    def change_lines(self, before: RuleDocument, after: RuleDocument) -> list[str]:
        """What goes (-) and what comes (+)."""
        gone, come = self._blocks(before), self._blocks(after)
        lines = [_marked(line) for line in ndiff(gone, come) if not line.startswith("?")]
        others = len(after.rules) - len(self.own(after))
        if others:
            lines.append(f"{_count(others, 'other rule')} {'stays as it is' if others == 1 else 'stay as they are'}.")
        return lines

    def data(self, document: RuleDocument) -> Data:
        """The rules and what they mean."""
        own = self.own(document)
        rules = [{"id": rule.rule_id or None, "ours": rule in own, **self._data_of(rule)} for rule in document.rules]
        return {"rules": rules, **self._verdict_data(document)}

    def difference(self, before: RuleDocument, after: RuleDocument) -> Data:
        """Which of our rules go, and which come."""
        rows = {
            name: [{"id": rule.rule_id or None, **self._data_of(rule)} for rule in self.own(document)]
            for name, document in (("remove", before), ("add", after))
        }
        return rows if self.meaning(before) != self.meaning(after) else {"remove": [], "add": []}

    @abstractmethod
    def own(self, document: RuleDocument) -> list[Rule]:
        """Which of them are ours."""

    @abstractmethod
    def meaning(self, document: RuleDocument) -> list[Hashable]:
        """The rules to be compared."""

    @abstractmethod
    def verdict_lines(self, document: RuleDocument) -> list[str]:
        """What they mean for uploads."""

    @abstractmethod
    def _rows(self, rule: Rule) -> list[tuple[str, str]]:
        """A rule's label and text, row by row."""

    @abstractmethod
    def _data_of(self, rule: Rule) -> Data: ...

    @abstractmethod
    def _verdict_data(self, document: RuleDocument) -> Data: ...

    def _blocks(self, document: RuleDocument) -> list[str]:
        return [line for rule in self.own(document) for line in (_name(rule), *self._block(rule))]

    def _block(self, rule: Rule) -> list[str]:
        return [f"  {label:<{_LABEL}} {printable(text)}" for label, text in self._rows(rule)]


class CorsView(View):
    """Rules for pages of other origins.

    Args:
        origins: of the pages that shall send files.
    """

    kind = CORS
    title = "CORS"
    permission = "BucketCORS"

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = origins

    def own(self, document: RuleDocument) -> list[Rule]:
        """Which of them are ours."""
        return own_cors_rules(document)

    def meaning(self, document: RuleDocument) -> list[Hashable]:
        """The rules to be compared."""
        return cors_meaning(document)

    def verdict_lines(self, document: RuleDocument) -> list[str]:
        """Whether pages could send files."""
        lines = []
        for verdict in self._verdicts(document):
            who = "Pages of every origin" if verdict.origin == "*" else f"Pages of {verdict.origin}"
            if verdict.works:
                lines.append(click.style(f"{who} can send files.", fg="green"))
            else:
                lines.append(click.style(f"{who} cannot send files: {', '.join(verdict.problems)}.", fg="yellow"))
        return lines

    def _rows(self, rule: Rule) -> list[tuple[str, str]]:
        data = self._data_of(rule)
        rows = [(label, ", ".join(data[name]) or "none") for label, name in _CORS_LABELS.items()]
        return [*rows, ("max age", "not set" if data["max_age"] is None else f"{data['max_age']} seconds")]

    def _data_of(self, rule: Rule) -> Data:
        read = cors_rule(rule)
        return {
            "origins": list(read.origins),
            "methods": list(read.methods),
            "allowed_headers": list(read.allowed_headers),
            "exposed_headers": list(read.exposed_headers),
            "max_age": read.max_age,
        }

    def _verdict_data(self, document: RuleDocument) -> Data:
        verdicts = self._verdicts(document)
        return {"origins": [{"origin": v.origin, "works": v.works, "problems": list(v.problems)} for v in verdicts]}

    def _verdicts(self, document: RuleDocument) -> list[Verdict]:
        return judge(cors_rules(document), self._origins)


_CORS_LABELS = {
    "origins": "origins",
    "methods": "methods",
    "allows": "allowed_headers",
    "exposes": "exposed_headers",
}


class LifecycleView(View):
    """Rules by which the store deletes, moves and aborts.

    Args:
        prefix: of the keys whose uploads matter.
    """

    kind = LIFECYCLE
    title = "lifecycle"
    permission = "LifecycleConfiguration"

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def own(self, document: RuleDocument) -> list[Rule]:
        """Which of them are ours."""
        return own_lifecycle_rules(document, self._prefix)

    def meaning(self, document: RuleDocument) -> list[Hashable]:
        """The rules to be compared."""
        return lifecycle_meaning(document)

    def verdict_lines(self, document: RuleDocument) -> list[str]:
        """Whether incomplete uploads are aborted, and when."""
        days = days_until_abort(document, self._prefix)
        if days is not None:
            return [
                click.style(
                    f"Incomplete uploads {_where(self._prefix)}are aborted after {_count(days, 'day')}.", fg="green"
                )
            ]
        found = [each for each in aborts(document) if each.prefix.startswith(self._prefix)]
        lines = [
            f"Incomplete uploads {_where(each.prefix)}are aborted after {_count(each.days, 'day')}." for each in found
        ]
        elsewhere = "Others" if found else f"Incomplete uploads {_where(self._prefix)}".rstrip()
        lines.append(click.style(f"{elsewhere} are never aborted: their parts stay, and cost.", fg="yellow"))
        return lines

    def _rows(self, rule: Rule) -> list[tuple[str, str]]:
        abort = abort_of(rule)
        rows = [("status", rule.node.text("Status") or "none"), ("for", _scope(rule.node))]
        for child in rule.node.children:
            if child.name == ABORT and abort is not None:
                rows.append(("does", f"abort incomplete uploads after {_count(abort.days, 'day')}"))
            elif child.name not in {"ID", "Status", "Filter", "Prefix"}:
                rows.append(("does", f"{child.name} {_flat(child)}".rstrip()))
        return rows

    def _data_of(self, rule: Rule) -> Data:
        abort = abort_of(rule)
        return {
            "enabled": is_enabled(rule),
            "prefix": prefix_of(rule.node),
            "abort_after_days": abort.days if abort else None,
            "rule": as_data(rule.node),
        }

    def _verdict_data(self, document: RuleDocument) -> Data:
        return {
            "prefix": self._prefix,
            "days": days_until_abort(document, self._prefix),
            "aborts": [{"prefix": each.prefix, "days": each.days} for each in aborts(document)],
        }


def _name(rule: Rule) -> str:
    return click.style(printable(rule.rule_id) or "(a rule without an ID)", bold=True)


def _marked(line: str) -> str:
    """A line of a difference in its colour."""
    return click.style(line, fg=_LOUD[line[0]]) if line[0] in _LOUD else line


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _where(prefix: str) -> str:
    return f"below '{printable(prefix)}' " if prefix else ""


def _scope(node: Node) -> str:
    prefix = prefix_of(node)
    if prefix is not None:
        return f"keys that begin with '{prefix}'" if prefix else "the whole bucket"
    filters = list(node.nodes("Filter"))
    both = [each for filter_ in filters for each in filter_.nodes("And")]
    return "keys with " + ", ".join(_flat(each) for each in both or filters)


def _flat(node: Node) -> str:
    """An element in one line: `Days 30`, `And (Prefix logs/, Tag (Key a, Value b))`."""
    if not node.children:
        return node.value
    shown = [f"{each.name} ({_flat(each)})" if each.children else f"{each.name} {each.value}" for each in node.children]
    return ", ".join(shown)
