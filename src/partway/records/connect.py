"""From a database URL, as people write it, to records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from partway.errors import Misconfigured, MissingExtra

try:
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError
except ModuleNotFoundError as error:
    raise MissingExtra("records", module="sqlalchemy") from error

from partway.records.database import Database
from partway.records.feed import Feed
from partway.records.sql import SqlRecords
from partway.records.sqlite import BlockingSqlite, Synchronous
from partway.records.sqlite_queue import QueuedSqlite
from partway.records.telling import TellingDatabase

POOL_SIZE = 10  #: connections to PostgreSQL at most
_POSTGRES = frozenset({"postgresql", "postgres"})
_SQLITE_QUERIES = ({}, *({"synchronous": choice.value} for choice in Synchronous))
_SETTING = "PARTWAY_DATABASE_URL"


class BlockingSqlRecords(SqlRecords):
    """SQL records whose verbs never suspend, in the caller's thread; they refuse to run on an event loop."""


def connect_records(url: str, *, pool_size: int = POOL_SIZE, changed: Callable[[], object] | None = None) -> SqlRecords:
    """Records for an event loop. Opens nothing yet; close them with `aclose`.

    Args:
        url: `postgresql://user:password@host/database` or `sqlite:///path/to/file` (four slashes for an absolute path).
            A driver (`postgresql+psycopg://`) may be named and is not heeded. SQLite's `?synchronous=normal` writes in
            half the time, but a power cut may lose the last seconds.
        pool_size: connections to PostgreSQL at most. SQLite is run in one thread of its own.
        changed: is called on the loop when files may have changed, after the commit; such as `Feed.tell`.

    Raises:
        Misconfigured: the URL is none of these.
        MissingExtra: the driver is not installed.
    """
    database_url = read_url(url)
    database = _open(database_url, pool_size=pool_size)
    return SqlRecords(database if changed is None else TellingDatabase(database, changed))


def connect_feed(url: str) -> Feed:
    """A feed of what happens to the files of a database: `connect_records(url, changed=feed.tell)`, `feed.start`.

    Args:
        url: as for `connect_records`. On PostgreSQL it also hears from the other processes.

    Raises:
        Misconfigured, MissingExtra: as for `connect_records`.
    """
    database_url = read_url(url)
    if not is_postgres(database_url):
        return Feed()
    with needs_postgres():
        from partway.records.postgres_line import PostgresLine
    return Feed(line=PostgresLine(database_url))


def connect_blocking_records(url: str, *, pool_size: int = POOL_SIZE) -> BlockingSqlRecords:
    """Records whose verbs never suspend, for any number of threads. Opens nothing yet; close them with `aclose`.

    Args:
        url: as for `connect_records`.
        pool_size: connections at most.

    Raises:
        Misconfigured: the URL is neither of PostgreSQL nor of SQLite.
        MissingExtra: the driver is not installed.
    """
    database_url = read_url(url)
    if not is_postgres(database_url):
        path, synchronous = sqlite_path(database_url), _synchronous(database_url)
        return BlockingSqlRecords(BlockingSqlite(path, pool_size=pool_size, synchronous=synchronous))
    with needs_postgres():
        from partway.records.blocking_postgres import BlockingPostgres
    return BlockingSqlRecords(BlockingPostgres(database_url, pool_size=pool_size))


def _open(url: URL, *, pool_size: int) -> Database:
    if not is_postgres(url):
        return QueuedSqlite(sqlite_path(url), synchronous=_synchronous(url))
    with needs_postgres():
        from partway.records.postgres import AsyncPostgres
    return AsyncPostgres(url, pool_size=pool_size)


def _synchronous(url: URL) -> Synchronous:
    return Synchronous(str(url.query.get("synchronous", Synchronous.FULL)))


def read_url(url: str) -> URL:
    """Read a database URL.

    Raises:
        Misconfigured: it is neither of PostgreSQL nor of SQLite; what is wrong is said without the password.
    """
    try:
        database_url = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _misconfigured("cannot be read") from error
    scheme = database_url.drivername.partition("+")[0]
    if scheme not in {"sqlite", *_POSTGRES}:
        raise _misconfigured(f"has the unknown scheme '{scheme}'")
    if scheme == "sqlite" and (database_url.host or database_url.database in {None, "", ":memory:"}):
        raise _misconfigured("names no file; SQLite needs three slashes and a path")
    if scheme == "sqlite" and dict(database_url.query) not in _SQLITE_QUERIES:
        raise _misconfigured("has an unknown parameter; SQLite takes synchronous=full or synchronous=normal")
    if scheme in _POSTGRES and not database_url.database:
        raise _misconfigured("names no database")
    return database_url


def is_postgres(url: URL) -> bool:
    """Whether a URL is of PostgreSQL; else it is of SQLite."""
    return url.drivername.partition("+")[0] in _POSTGRES


def sqlite_path(url: URL) -> Path:
    """The file of a URL of SQLite."""
    return Path(url.database or "")


@contextmanager
def needs_postgres() -> Iterator[None]:
    """Imports inside say which extra is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra("postgres", module=error.name or "asyncpg") from error


def _misconfigured(problem: str) -> Misconfigured:
    return Misconfigured(
        f"The database URL {problem}. Write postgresql://user:password@host/database or sqlite:///path/to/file.",
        setting=_SETTING,
    )
