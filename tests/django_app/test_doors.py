"""What becomes of transactions that lock each other out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import OperationalError, connections, transaction
from django.db.models import F

from partway.django.doors import database_door, in_transaction
from partway.django.models import OwnerUsage
from partway.errors import RecordsUnavailable

#: SQLite lets one write at a time.
several_write = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)


class Rivals:
    """Two who change the same two rows, each in the other's order, so that each waits for the other."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._both_hold_one = Barrier(2)
        self._owners = [OwnerUsage.objects.using(using).create(owner=f"{name}-{uuid4()}").pk for name in "ab"]

    @property
    def files(self) -> list[int]:
        """What both rows count."""
        return [OwnerUsage.objects.using(self._using).get(pk=owner).files for owner in self._owners]

    def run(self, how: Callable[[Callable[[], None]], object]) -> list[Exception | None]:
        """Let both do it at once; what each was told."""
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(self._done, [how, how], [self._owners, self._owners[::-1]]))

    def _done(self, how: Callable[[Callable[[], None]], object], order: list[str]) -> Exception | None:
        attempts = iter([self._both_hold_one.wait])

        def deed() -> None:
            for owner in order:
                OwnerUsage.objects.using(self._using).filter(pk=owner).update(files=F("files") + 1)
                next(attempts, int)()

        try:
            how(deed)
        except (OperationalError, RecordsUnavailable) as error:
            return error
        finally:
            connections[self._using].close()
        return None


@several_write
def test_a_transaction_that_ended_a_deadlock_is_done_again(database: str) -> None:
    rivals = Rivals(database)
    assert rivals.run(lambda deed: in_transaction(database, deed)) == [None, None]
    assert rivals.files == [2, 2]


@several_write
def test_in_a_transaction_of_the_projects_the_request_is_to_be_repeated(database: str) -> None:
    rivals = Rivals(database)

    def in_outer(deed: Callable[[], None]) -> None:
        with database_door(database), transaction.atomic(database):
            in_transaction(database, deed)

    told = rivals.run(in_outer)
    assert sorted(type(each) for each in told if each is not None) == [RecordsUnavailable]
    assert rivals.files == [1, 1]
