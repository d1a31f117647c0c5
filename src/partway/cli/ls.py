"""`partway ls`: your files in columns."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import islice

import click

from partway.cli.progress import fit, terminal_width
from partway.cli.remote import EXIT_CODES, one_line_errors, printable, say, server_options
from partway.cli.sizes import human_size
from partway.client.client import Client
from partway.client.values import RemoteFile

_FIRST = 50  #: files shown without --all
_MIN_NAME = 12  #: characters that a name always gets


@click.command("ls", epilog=EXIT_CODES)
@server_options
@click.option(
    "--status",
    type=click.Choice(["completed", "uploading", "pending", "completing", "aborted", "failed", "all"]),
    default="completed",
    show_default=True,
    help="In which state.",
)
@click.option("--search", help="Part of the name.")
@click.option("--deleted", is_flag=True, help="The deleted ones that can still be restored.")
@click.option("--all", "everything", is_flag=True, help=f"All of them, not only the {_FIRST} newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file.")
def command(
    *,
    server: str,
    token: str | None,
    patience: float,
    status: str,
    search: str | None,
    deleted: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """List your files, newest first."""
    with one_line_errors(), Client(server, token=token, patience=patience) as client:
        found = client.list(status=status, search=search, deleted=deleted)
        if as_json:
            for file in found if everything else islice(found, _FIRST):
                click.echo(json.dumps(file.to_json()))
            return
        files = list(found if everything else islice(found, _FIRST))
        for row in rows(files, with_status=status == "all", width=_width()):
            click.echo(row)
        if not files:
            say("No files.")
        elif not everything and next(found, None) is not None:
            say(f"These are the {_FIRST} newest; --all lists the rest.")


def rows(files: Sequence[RemoteFile], *, with_status: bool, width: int | None) -> Iterable[str]:
    """A header and one line per file, in columns.

    Args:
        with_status: show the state too.
        width: of the terminal, characters; None: names are not cut.
    """
    table = [("ID", "SIZE", "CREATED", *(["STATUS"] if with_status else []), "NAME")]
    for file in files:
        created = file.created.astimezone().strftime("%Y-%m-%d %H:%M")
        state = [file.upload_status] if with_status else []
        table.append((file.id, human_size(file.file_size), created, *state, printable(file.name)))
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]) - 1)]
    room = None if width is None else max(width - sum(widths) - 2 * len(widths), _MIN_NAME)
    if not files:
        return
    for row in table:
        cells = [
            cell.rjust(size) if at == 1 else cell.ljust(size)
            for at, (cell, size) in enumerate(zip(row, widths, strict=False))
        ]
        yield "  ".join([*cells, row[-1] if room is None else fit(row[-1], room)])


def _width() -> int | None:
    return terminal_width(sys.stdout) if sys.stdout.isatty() else None
