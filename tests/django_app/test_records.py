"""Records on Django's ORM pass the contract of all records."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections, transaction

from partway.core.blocking import run_straight
from partway.core.file import UploadStatus
from partway.django.records import BlockingOrmRecords
from partway.records.contract import CHECKS, Bench, in_own_threads
from partway.records.contract.bench import Deed
from tests.django_app.databases import database_of
from tests.servers.mariadb import MariaDBServer


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


def test_a_change_in_an_old_snapshot_sees_what_stands(mariadb: MariaDBServer) -> None:
    using = "snapshots"
    place = database_of(mariadb.new_database())
    place["OPTIONS"]["isolation_level"] = "repeatable read"
    connections.databases[using] = connections.databases["default"] | place
    call_command("migrate", database=using, run_syncdb=True, verbosity=0)
    records = BlockingOrmRecords(using=using)
    bench = Bench(records=records)
    file = run_straight(bench.add(file_size=7, idempotency_key="one"))
    late = bench.file(idempotency_key="two")

    def meanwhile() -> None:
        run_straight(records.change(file.id, upload_status=UploadStatus.ABORTED, counted=False))
        run_straight(records.add(late))
        connections[using].close()

    try:
        with transaction.atomic(using):
            assert run_straight(records.get(file.id)) == file
            with ThreadPoolExecutor(1) as threads:
                threads.submit(meanwhile).result()
            opened = records.change(file.id, when={UploadStatus.PENDING}, upload_status=UploadStatus.UPLOADING)
            assert run_straight(opened) is None
            assert run_straight(records.add(bench.file(idempotency_key="two"))) == late
            renamed = run_straight(records.change(file.id, name="new"))
            assert renamed is not None
            assert (renamed.upload_status, renamed.name) == (UploadStatus.ABORTED, "new")
        assert run_straight(records.usage(bench.owner)).files == 1
    finally:
        connections[using].close()
