"""`partway download`: files to the local disk or to standard output, resumable."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from partway.cli.progress import Notices, ProgressLine
from partway.cli.remote import (
    EXIT_CODES,
    FAILED,
    advice,
    one_line_errors,
    printable,
    server_options,
)
from partway.client.client import Client
from partway.client.download import target_path
from partway.client.many_files import fails_all
from partway.client.meter import Meter
from partway.errors import PartwayError

_EPILOG = f"""An interrupted download goes on where it stopped when the same command is run again. The bytes are
compared with the checksum of the file's record before they get their name.

{EXIT_CODES}"""


@click.command("download", epilog=_EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@server_options
@click.option(
    "-o",
    "--output",
    default=".",
    show_default="this folder",
    metavar="PATH",
    help="A folder, a file's name (for a single ID), or '-' for standard output.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite files that are there.")
@click.option("-q", "--quiet", is_flag=True, help="Write nothing but errors.")
def command(
    *, ids: tuple[str, ...], server: str, token: str | None, patience: float, output: str, force: bool, quiet: bool
) -> None:
    """Download files, straight from the store."""
    if len(ids) > 1 and output != "-" and not Path(output).is_dir():
        raise click.UsageError(f"With several IDs the output must be a folder, and {output} is none.")
    failed = False
    with one_line_errors(interrupted="Stopped. Run the same command again to go on."):
        notices = Notices()
        with Client(server, token=token, patience=patience, notice=notices) as client:
            for file_id in ids:
                try:
                    _download(client, notices, file_id, output, force=force, quiet=quiet)
                except PartwayError as error:
                    if fails_all(error) or len(ids) == 1:
                        raise
                    failed = True
                    click.echo(f"partway: {printable(file_id)}: {advice(error)}", err=True)
    if failed:
        sys.exit(FAILED)


def _download(client: Client, notices: Notices, file_id: str, output: str, *, force: bool, quiet: bool) -> None:
    file = client.get(file_id)
    meter = Meter(file.file_size)
    with ProgressLine(file.file_name, meter, shown=not quiet) as line:
        notices.line = line
        if output == "-":
            client.download(file_id, sys.stdout.buffer, meter=meter)
            return
        path = target_path(Path(output), file)
        client.download(file_id, path, overwrite=force, meter=meter)
        if not quiet:
            line.write_above(printable(str(path)), sys.stdout)
