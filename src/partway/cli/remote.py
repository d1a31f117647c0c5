"""What the commands that talk to a service share: their options, their exit codes, and errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import click

from partway.client.client import DEFAULT_URL
from partway.client.patience import DEFAULT_PATIENCE
from partway.errors import NotAuthenticated, PartwayError, Unreachable

FAILED = 1  #: exit code: something failed
UNREACHABLE = 3
NOT_AUTHENTICATED = 4
INTERRUPTED = 130

EXIT_CODES = """\b
Exit codes:
  0    all done
  1    something failed
  2    wrong usage
  3    the server cannot be reached
  4    not authenticated
  130  interrupted
"""

Command = TypeVar("Command", bound=Callable[..., Any])


def server_options(command: Command) -> Command:
    """--server, --token and --patience."""
    for option in (
        click.option(
            "--patience",
            default=DEFAULT_PATIENCE,
            show_default=True,
            type=click.FloatRange(min=0),
            help="Seconds that the server or the store may be away.",
        ),
        click.option("--token", envvar="PARTWAY_TOKEN", help="Bearer token.  [env var: PARTWAY_TOKEN]"),
        click.option(
            "--server",
            envvar="PARTWAY_URL",
            default=DEFAULT_URL,
            show_default=True,
            help="The service's URL.  [env var: PARTWAY_URL]",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def one_line_errors(*, interrupted: str = "Interrupted.") -> Iterator[None]:
    """Errors of ours become one line and the right exit code, Ctrl-C a line and 130.

    Args:
        interrupted: what to say after Ctrl-C.
    """
    try:
        yield
    except PartwayError as error:
        fail(error)
    except KeyboardInterrupt:
        say(interrupted)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone; closing it once more at exit must not complain.
        sys.stdout = None  # nothing may be written any more
        sys.exit(FAILED)


def fail(error: PartwayError) -> NoReturn:
    """Say what went wrong and exit with the code for it."""
    say(advice(error))
    sys.exit(exit_code(error))


def exit_code(error: PartwayError) -> int:
    """The exit code that an error stands for."""
    if isinstance(error, Unreachable):
        return UNREACHABLE
    return NOT_AUTHENTICATED if isinstance(error, NotAuthenticated) else FAILED


def advice(error: PartwayError) -> str:
    """An error in one line, with what to do next."""
    detail = " ".join(error.detail.split())
    if isinstance(error, NotAuthenticated):
        return f"{detail} Give a valid token with --token or PARTWAY_TOKEN."
    return detail


def printable(text: str) -> str:
    """A name as it may be written to a terminal: one line, no control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)


def say(text: str) -> None:
    """One line on standard error."""
    click.echo(f"partway: {text}", err=True)
