"""The one door through which errors of PostgreSQL's drivers become ours.

SQLSTATE says what went wrong: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL

from partway.errors import Conflict, InvalidInput, Misconfigured, NotFound, PartwayError, RecordsUnavailable
from partway.records.limits import OVER_STATE, over_limit

# libpq gives no SQLSTATE for a refused login.
_LOGIN_WORDS = ("password authentication failed", "no password supplied", " does not exist", "no pg_hba.conf entry")
_SETTING = "PARTWAY_DATABASE_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverErrors:
    """How a driver says what went wrong."""

    all: tuple[type[Exception], ...]  #: all that it raises
    data: tuple[type[Exception], ...]  #: about a value, without a SQLSTATE
    is_lost: Callable[[Exception], bool]  #: about a connection, without a SQLSTATE


@contextmanager
def postgres_door(url: URL, errors: DriverErrors) -> Iterator[None]:
    """Turn a driver's errors into ours. Those that only a fault of this code can cause pass as they are."""
    try:
        yield
    except errors.all as error:
        if ours := _translated(error, url, errors):
            raise ours from error
        raise
    except (OverflowError, UnicodeEncodeError) as error:
        raise _invalid(error, url) from error
    except OSError as error:  # also refused connections and timeouts
        raise _unreachable(error, url) from error


def _translated(error: Exception, url: URL, errors: DriverErrors) -> PartwayError | None:
    state: str = getattr(error, "sqlstate", None) or ""
    for states, ours in _BY_STATE:
        if state.startswith(states):
            return ours(error, url)
    if isinstance(error, errors.data):
        return _invalid(error, url)
    return _unreachable(error, url) if errors.is_lost(error) else None


def _taken(error: Exception, url: URL) -> PartwayError:
    return Conflict("There is a record with this id or this idempotency key already.")


def _over_limit(error: Exception, url: URL) -> PartwayError:
    return over_limit(_first_line(error))


def _fileless(error: Exception, url: URL) -> PartwayError:
    return NotFound("There is no such file, so its parts cannot be noted.")


def _invalid(error: Exception, url: URL) -> PartwayError:
    return InvalidInput(f"The database cannot hold a value: {_first_line(error)}.")


def _other_tables(error: Exception, url: URL) -> PartwayError:
    return RecordsUnavailable("The database's tables are not up to date. Run: partway db upgrade", retry_after=60)


def _login_refused(error: Exception, url: URL) -> PartwayError:
    return Misconfigured(f"The database refuses us: {_first_line(error)}.", setting=_SETTING)


def _unreachable(error: Exception, url: URL) -> PartwayError:
    if any(words in str(error) for words in _LOGIN_WORDS):
        return _login_refused(error, url)
    place = f"{url.query.get('host') or url.host or 'localhost'}:{url.query.get('port') or url.port or 5432}"
    if isinstance(error, socket.gaierror) or "resolve host" in str(error):
        return Misconfigured(f"The database's host {place} is not known: {_first_line(error)}.", setting=_SETTING)
    return RecordsUnavailable(f"The database at {place} does not answer: {_first_line(error)}.", retry_after=1)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__


_Ours = Callable[[Exception, URL], PartwayError]

#: States, or classes of states, and what they become; the first that fits.
_BY_STATE: tuple[tuple[tuple[str, ...], _Ours], ...] = (
    ((OVER_STATE,), _over_limit),
    (("23505",), _taken),
    (("23503",), _fileless),
    (("22", "23", "54"), _invalid),
    (("42P01", "42703"), _other_tables),
    (("28", "3D"), _login_refused),
    (("08", "25006", "40", "53", "55", "57", "58"), _unreachable),
)
