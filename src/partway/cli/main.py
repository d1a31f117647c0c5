"""The command line: `partway COMMAND`. One file per command, imported only when it is called."""

from __future__ import annotations

import importlib
import sys

try:
    import click
except ModuleNotFoundError:
    sys.exit("partway's command line needs the package 'click'. Install it with: pip install 'partway[cli]'")

from partway import __version__
from partway.errors import PartwayError

#: Command → one line of help. The module `partway.cli.<command>` holds a click command named `command`.
COMMANDS = {
    "serve": "Run the service.",
    "upload": "Upload files and folders.",
    "download": "Download files.",
    "ls": "List your files.",
    "rm": "Delete files.",
    "token": "Make a bearer token.",
    "cleanup": "End what nobody looks after any more.",
    "reconcile": "Compare the records with the store.",
    "webhooks": "See how far webhooks are, and send them again.",
    "db": "Look after the database's tables.",
    "bucket": "Look after the bucket's CORS and lifecycle rules.",
}


class LazyGroup(click.Group):
    """A group that imports a command when it is called: `partway upload` starts without the server's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of a user's day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"partway.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="partway")
def cli() -> None:
    """Large files straight into object storage, and when something breaks, partway goes on."""


def main() -> None:
    """Run the command line; errors of ours become one line and exit code 1, never a traceback."""
    try:
        cli(standalone_mode=True)
    except PartwayError as error:
        click.echo(f"partway: {error.detail}", err=True)
        sys.exit(1)
