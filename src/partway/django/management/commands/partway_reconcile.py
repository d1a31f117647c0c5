"""`manage.py partway_reconcile`: compare the records with the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from partway.core.findings import FindingKind
from partway.core.reconcile import Step
from partway.django.reconcile import run_reconcile
from partway.errors import PartwayError
from partway.stores.walk_state import Tally

_ALL = "all"
_KINDS = [kind.value for kind in FindingKind]


class Command(BaseCommand):
    """Find what is wrong between the two, and put it right if that is asked."""

    help = (
        "Find objects without records, records without objects, objects that differ, and unknown multipart uploads. "
        "Nothing is changed without --fix."
    )

    def add_arguments(self, parser: Any) -> None:
        """Add what the service's command has too."""
        parser.add_argument(
            "--fix",
            action="append",
            nargs="?",
            const=_ALL,
            choices=[*_KINDS, _ALL],
            default=[],
            metavar="KIND",
            help=f"put findings right, all of them or those of a kind: {', '.join(_KINDS)}; repeatable",
        )
        parser.add_argument("--prefix", help="of the keys to look at; else what the folder structure begins with")
        parser.add_argument(
            "--min-age", type=int, metavar="SECONDS", help="leave alone what changed later; else as long as URLs live"
        )
        parser.add_argument("--state", type=Path, help="remember the place in a file, and go on there")

    def handle(self, *, fix: list[str], prefix: str | None, min_age: int | None, state: Path | None, **_: Any) -> None:
        """Do it, and say what was found.

        Raises:
            CommandError: something is wrong and was not put right, or the store or the database does not answer.
        """
        kinds = set(FindingKind) if _ALL in fix else set(map(FindingKind, fix))
        try:
            tally = run_reconcile(watcher=self._show, fix=kinds, prefix=prefix, min_age=min_age, state=state)
        except PartwayError as error:
            again = f" Run the same command again to go on ({state})." if state is not None and state.exists() else ""
            raise CommandError(f"{error.detail}{again}") from error
        self.stdout.write(
            f"Looked at {tally.records:,} records, {tally.objects:,} objects and {tally.uploads:,} open uploads: "
            f"{sum(tally.found.values()):,} findings, {sum(tally.fixed.values()):,} of them fixed."
        )
        if tally.left:
            raise CommandError(f"{tally.left:,} findings are left.")

    def _show(self, step: Step, tally: Tally) -> None:
        for finding in step.findings:
            # Keys are others' texts: what would move a terminal's cursor is written as an escape.
            key = finding.key if finding.key.isprintable() else ascii(finding.key)
            self.stdout.write(f"{finding.kind:<22}  {key}" + ("  fixed" if finding.fixed else ""))
