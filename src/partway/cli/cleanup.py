"""`partway cleanup`: end what nobody looks after any more."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import click

_WORDS = {
    "completed": "uploads completed",
    "told": "finished files that the application was told of after a crash",
    "expired": "uploads past their deadline given up",
    "settled": "ended uploads and deletions settled at the store",
    "purged": "files removed from the trash",
    "removed": "old records of ended uploads removed",
    "events": "old events removed",
    "failed": "left for the next time, since the store did not answer",
}


@click.command(short_help="End what nobody looks after any more.")
@click.option("--dry-run", is_flag=True, help="Only count what is due, but for old events.")
@click.option("--days-old", type=click.IntRange(0, 36_500), help="Keep records of ended uploads so many days.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="As for serve.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def command(dry_run: bool, days_old: int | None, data_dir: Path | None, as_json: bool) -> None:
    """Give up uploads past their deadline, finish or undo what crashes left, empty the trash, remove old records.

    Reads the same settings as `partway serve`. Any number may run at once, also beside running services, which do the
    same every few minutes (PARTWAY_UPKEEP_INTERVAL).
    """
    from partway.service.settings import read_settings
    from partway.service.upkeep import run_upkeep

    settings = read_settings(os.environ, data_dir=data_dir)
    if days_old is not None:
        settings = replace(settings, upkeep=replace(settings.upkeep, keep_ended=timedelta(days=days_old)))
    report = asdict(asyncio.run(run_upkeep(settings, dry_run=dry_run)))
    if as_json:
        click.echo(json.dumps(report))
    else:
        for name, count in report.items():
            if count:
                click.echo(f"{count:>8,}  {'due: ' if dry_run else ''}{_WORDS[name]}")
        if not any(report.values()):
            click.echo("Nothing to do.")
    if report["failed"]:
        raise SystemExit(1)
