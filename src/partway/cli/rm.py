"""`partway rm`: hide files, bring them back, or remove them for good."""

from __future__ import annotations

import sys

import click

from partway.cli.remote import EXIT_CODES, FAILED, advice, one_line_errors, printable, server_options
from partway.client.client import Client
from partway.client.many_files import fails_all
from partway.errors import PartwayError

_EPILOG = f"""A deleted file is hidden, and --undo brings it back; with --hard its bytes and its record are gone for
good. An upload that is not complete is aborted.

{EXIT_CODES}"""


@click.command("rm", epilog=_EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@server_options
@click.option("--hard", is_flag=True, help="Remove bytes and record for good.")
@click.option("--undo", is_flag=True, help="Bring deleted files back instead.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def command(
    *, ids: tuple[str, ...], server: str, token: str | None, patience: float, hard: bool, undo: bool, yes: bool
) -> None:
    """Delete files."""
    if hard and undo:
        raise click.UsageError("--hard removes files for good, which --undo cannot bring back; choose one.")
    if hard and not yes:
        _ask(len(ids))
    failed = False
    with one_line_errors(), Client(server, token=token, patience=patience) as client:
        for file_id in ids:
            try:
                if undo:
                    client.restore(file_id)
                else:
                    client.delete(file_id, hard=hard)
            except PartwayError as error:
                if fails_all(error) or len(ids) == 1:
                    raise
                failed = True
                click.echo(f"partway: {printable(file_id)}: {advice(error)}", err=True)
    if failed:
        sys.exit(FAILED)


def _ask(count: int) -> None:
    what = "this file" if count == 1 else f"these {count} files"
    if not sys.stdin.isatty():
        raise click.UsageError(f"--hard removes {what} for good; add --yes to mean it.")
    click.confirm(f"Remove {what} for good?", abort=True, err=True)
