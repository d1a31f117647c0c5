"""SQLite on an event loop: one thread does what waits, and many writes share one commit.

A commit waits for the disk, so what came in while the last one waited goes into the next together. Every statement
still succeeds or fails by itself, and is answered only once its commit is done.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy import Dialect, make_url

from partway.errors import PartwayError
from partway.records.database import Prepared
from partway.records.rows import TEXTUAL, Row, RowFormat
from partway.records.sqlite import BUSY_SECONDS, Synchronous, connect_sqlite, sqlite_door, transaction

_MOST = 100  #: jobs that share one commit


@dataclass(frozen=True, slots=True)
class _Job:
    """A statement, the values of each of its runs, and who waits for the rows."""

    statement: Prepared
    many: Sequence[Sequence[Any]]
    future: asyncio.Future[Sequence[Row]]


_Outcome = Sequence[Row] | Exception


class QueuedSqlite:
    """A SQLite file for any number of tasks. Its thread starts with the first question."""

    rows: RowFormat = TEXTUAL

    def __init__(
        self, path: Path, *, synchronous: Synchronous = Synchronous.FULL, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self.dialect: Dialect = make_url("sqlite://").get_dialect()()
        self._path = path
        self._synchronous = synchronous
        self._busy_seconds = busy_seconds
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None

    async def fetch(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run one statement and return its rows."""
        return await self._ask(statement, [statement.arguments(values)])

    async def fetch_each(self, statement: Prepared, many: Iterable[Mapping[str, Any]]) -> Sequence[Row]:
        """Run one statement for each set of values, all or none, and return all rows."""
        return await self._ask(statement, [statement.arguments(values) for values in many])

    async def aclose(self) -> None:
        """Do what waits, then close the file and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(thread.join)

    async def _ask(self, statement: Prepared, many: Sequence[Sequence[Any]]) -> Sequence[Row]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="partway-records", daemon=True)
            self._thread.start()
        future: asyncio.Future[Sequence[Row]] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(statement, many, future))
        return await future

    def _work(self) -> None:
        """The thread: take what waits, do it, answer."""
        while (first := self._jobs.get()) is not None:
            jobs, ended = self._waiting(first)
            _answer(jobs, self._do(jobs))
            if ended:
                break
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _waiting(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        while len(jobs) < _MOST:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _do(self, jobs: Sequence[_Job]) -> list[_Outcome]:
        if len(jobs) > 1 and not all(job.statement.reads for job in jobs):
            try:
                return self._do_together(jobs)
            except (sqlite3.Error, PartwayError):
                pass  # the transaction as a whole failed: each job is done by itself and gets an answer of its own
        return [self._do_one(job) for job in jobs]

    def _do_together(self, jobs: Sequence[_Job]) -> list[_Outcome]:
        """All jobs by one commit. A value that is refused fails its own job alone.

        Raises:
            sqlite3.Error, PartwayError: nothing was done.
        """
        connection = self._opened()
        with transaction(connection, reads=False):
            return [self._do_within(connection, job) for job in jobs]

    def _do_within(self, connection: sqlite3.Connection, job: _Job) -> _Outcome:
        """One job inside a transaction. A statement that is refused undoes itself; many need a savepoint for that."""
        if len(job.many) > 1:
            connection.execute("SAVEPOINT job")
        try:
            with sqlite_door(self._path):
                rows = _run(connection, job)
        except PartwayError as error:
            if not connection.in_transaction:  # the disk is full, say: SQLite has undone the others too
                raise
            if len(job.many) > 1:
                connection.execute("ROLLBACK TO job")
                connection.execute("RELEASE job")
            return error
        if len(job.many) > 1:
            connection.execute("RELEASE job")
        return rows

    def _do_one(self, job: _Job) -> _Outcome:
        try:
            with sqlite_door(self._path):
                connection = self._opened()
                if len(job.many) == 1:
                    return _run(connection, job)
                with transaction(connection, reads=job.statement.reads):
                    return _run(connection, job)
        except Exception as error:  # whatever it is, somebody waits for it
            return error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            with sqlite_door(self._path):
                self._connection = connect_sqlite(
                    self._path, synchronous=self._synchronous, busy_seconds=self._busy_seconds
                )
        return self._connection


def _run(connection: sqlite3.Connection, job: _Job) -> list[Row]:
    rows: list[Row] = []
    for values in job.many:
        rows.extend(connection.execute(job.statement.sql, values))
    return rows


def _answer(jobs: Sequence[_Job], outcomes: Sequence[_Outcome]) -> None:
    """Wake each loop once for all of its tasks."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, _Outcome]]] = defaultdict(list)
    for job, outcome in zip(jobs, outcomes, strict=True):
        by_loop[job.future.get_loop()].append((job, outcome))
    for loop, answers in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: Sequence[tuple[_Job, _Outcome]]) -> None:
    for job, outcome in answers:
        if job.future.done():  # its task was cancelled
            continue
        if isinstance(outcome, Exception):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)
