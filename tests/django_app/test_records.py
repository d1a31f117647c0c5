"""Records on Django's ORM pass the contract of all records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connections

from partway.core.blocking import run_straight
from partway.django.records import BlockingOrmRecords
from partway.records.contract import CHECKS, Bench, in_own_threads
from partway.records.contract.bench import Deed


@pytest.mark.parametrize("name", CHECKS)
def test_contract(name: str, database: str) -> None:
    async def at_once(deeds: Sequence[Deed]) -> list[Any]:
        def closing(deed: Deed) -> Deed:
            async def done() -> Any:
                try:
                    return await deed()
                finally:
                    connections[database].close()

            return done

        return await in_own_threads([closing(deed) for deed in deeds])

    run_straight(CHECKS[name](Bench(records=BlockingOrmRecords(using=database), together=at_once)))
