"""The one door through which the database's errors become ours, and transactions that outlive a deadlock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connections,
    transaction,
)
from django.db.utils import DatabaseError

from partway.errors import InvalidInput, RecordsUnavailable

T = TypeVar("T")
_ATTEMPTS = 10
_DEADLOCK = 1213  #: MariaDB's error
_OUT_OF_RANGE = 1690  #: MariaDB's error
_DEADLOCK_STATE = "40P01"  #: PostgreSQL's


@contextmanager
def database_door(using: str) -> Iterator[None]:
    """Turn the database's errors into ours.

    Raises:
        InvalidInput: it cannot hold a value.
        RecordsUnavailable: it does not answer, or its tables are not there.
    """
    try:
        yield
    except (DataError, OverflowError) as error:
        raise InvalidInput(f"The database cannot hold a value: {_first_line(error)}.") from error
    except (OperationalError, InterfaceError) as error:
        raise RecordsUnavailable(f"The database {using!r} does not answer now; try again.", retry_after=1) from error
    except ProgrammingError as error:
        raise RecordsUnavailable(
            "The database's tables are not up to date. Run: python manage.py migrate", retry_after=60
        ) from error
    except IntegrityError as error:
        raise InvalidInput(f"The database refuses a value: {_first_line(error)}.") from error


def in_transaction(using: str, deed: Callable[[], T]) -> T:
    """Do something in a transaction, and again if the database chose it to end a deadlock.

    In a transaction of the project's it is a savepoint, and the project's to repeat: the deadlock has undone it all.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            with transaction.atomic(using):
                return deed()
        except OperationalError as error:
            if connections[using].in_atomic_block or not _is_deadlock(error):
                raise
    with transaction.atomic(using):
        return deed()


def is_out_of_range(error: IntegrityError) -> bool:
    """Whether a number grew too large: Django takes that error of MariaDB's for one of integrity."""
    return error.args[:1] == (_OUT_OF_RANGE,)


def _is_deadlock(error: OperationalError) -> bool:
    return error.args[:1] == (_DEADLOCK,) or getattr(error.__cause__, "sqlstate", None) == _DEADLOCK_STATE


def _first_line(error: DatabaseError | OverflowError) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
