"""`partway reconcile`: compare the records with the store."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from partway.cli.remote import FAILED, advice, one_line_errors, printable, say
from partway.cli.sizes import human_size
from partway.core.findings import Finding, FindingKind
from partway.core.reconcile import Step
from partway.errors import InvalidInput, RecordsUnavailable, StoreError
from partway.stores.walk_state import Tally

_ALL = "all"
_KINDS = [kind.value for kind in FindingKind]
_INTERVAL = 0.2  #: seconds between two drawings of the progress
_CLEAR = "\r\x1b[K"
EXIT_CODES = """\b
Exit codes:
  0    nothing is wrong, or all of it was put right
  1    something is wrong, or the store or the database is away
  2    wrong usage
  130  interrupted
"""


@click.command(short_help="Compare the records with the store.", epilog=EXIT_CODES)
@click.option(
    "--fix",
    "fixes",
    multiple=True,
    is_flag=False,
    flag_value=_ALL,
    type=click.Choice([*_KINDS, _ALL]),
    metavar="[KIND]",
    help=f"Put findings right, all of them or those of a kind: {', '.join(_KINDS)}. Repeatable.",
)
@click.option("--prefix", help="Of the keys to look at.  [default: what the key template begins with]")
@click.option(
    "--min-age",
    type=click.IntRange(min=0),
    metavar="SECONDS",
    help="Leave alone what changed later; no less than signed URLs live, which is the default.",
)
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="Remember the place in a file, and go on there."
)
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="As for serve.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object per line.")
def command(
    *,
    fixes: tuple[str, ...],
    prefix: str | None,
    min_age: int | None,
    state: Path | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Find objects without records, records without objects, objects that differ, and unknown multipart uploads.

    Reads the same settings as `partway serve`, and may run beside it. Nothing is changed without --fix.
    """
    from partway.service.reconcile import run_reconcile, scope_of
    from partway.service.settings import read_settings

    again = f"Run the same command again to go on ({state})." if state else "With --state FILE the next run can go on."
    with one_line_errors(interrupted=f"Interrupted. {again}"):
        settings = read_settings(os.environ, data_dir=data_dir)
        shown = _Shown(as_json=as_json)
        kinds = set(FindingKind) if _ALL in fixes else set(map(FindingKind, fixes))
        try:
            tally = asyncio.run(
                run_reconcile(settings, fix=kinds, prefix=prefix, min_age=min_age, state=state, watcher=shown.show_step)
            )
        except InvalidInput as error:
            raise click.UsageError(error.detail) from error
        except (StoreError, RecordsUnavailable) as error:
            shown.clear()
            say(f"{advice(error)} {again}" if state and state.exists() else advice(error))
            sys.exit(FAILED)
        finally:
            shown.clear()
        shown.show_end(tally, orphans=scope_of(settings, prefix).orphans)
    if tally.left:
        sys.exit(FAILED)


class _Shown:
    """Writes findings to standard output, and how far it is to a terminal's standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn = 0.0

    def show_step(self, step: Step, tally: Tally) -> None:
        """Write a step's findings."""
        if step.findings:
            self.clear()
        for finding in step.findings:
            click.echo(json.dumps(_facts(finding)) if self._as_json else _line(finding))
        if self._terminal and time.monotonic() - self._drawn > _INTERVAL:
            self._drawn = time.monotonic()
            click.echo(f"{_CLEAR}{_gone_through(tally)}", err=True, nl=False)

    def show_end(self, tally: Tally, *, orphans: bool) -> None:
        """Write the sums."""
        if self._as_json:
            click.echo(json.dumps({**asdict(tally), "left": tally.left, "orphans_looked_for": orphans}))
            return
        for kind in _KINDS:
            if tally.found.get(kind):
                fixed = tally.fixed.get(kind, 0)
                click.echo(f"{tally.found[kind]:>8,}  {kind}" + (f", {fixed:,} of them fixed" if fixed else ""))
        if not any(tally.found.values()):
            click.echo("Nothing is wrong.")
        click.echo(f"{_gone_through(tally)}.")
        if not orphans:
            click.echo("Keys have no fixed beginning: objects without records are looked for with --prefix alone.")

    def clear(self) -> None:
        """Take the progress away."""
        if self._terminal and self._drawn:
            click.echo(_CLEAR, err=True, nl=False)
            self._drawn = 0.0


def _gone_through(tally: Tally) -> str:
    return f"Looked at {tally.records:,} records, {tally.objects:,} objects and {tally.uploads:,} open uploads"


def _line(finding: Finding) -> str:
    """A finding for people."""
    words = [f"{finding.kind:<22}", printable(finding.key)]
    if finding.file is not None and finding.kind is not FindingKind.OBJECT_WITHOUT_RECORD:
        words.append(f"record: {human_size(finding.file.file_size)}, {finding.file.etag}")
    if finding.stored is not None:
        words.append(f"object: {human_size(finding.stored.size)}, {finding.stored.etag}")
    if finding.upload_id is not None:
        words.append(f"upload: {printable(finding.upload_id)}")
    return "  ".join([*words, *(["fixed"] if finding.fixed else [])])


def _facts(finding: Finding) -> dict[str, Any]:
    """A finding for programs."""
    file, stored = finding.file, finding.stored
    return {
        "kind": finding.kind,
        "key": finding.key,
        "id": str(file.id) if file is not None else None,
        "upload_id": finding.upload_id,
        "record": {"size": file.file_size, "etag": file.etag} if file is not None else None,
        "object": {"size": stored.size, "etag": stored.etag} if stored is not None else None,
        "fixed": finding.fixed,
    }
