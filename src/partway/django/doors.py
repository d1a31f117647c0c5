"""The one door through which the database's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from django.db.utils import DatabaseError

from partway.errors import InvalidInput, RecordsUnavailable


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


def _first_line(error: DatabaseError | OverflowError) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
