"""What all records must do, as code that runs: on ours, and on those that you write.

Each check is an `async def` that takes a `Bench` (records, and a way to act on them at once) and raises
`ContractBroken` with one sentence that says what was expected. With pytest:

    @pytest.mark.parametrize("name", CHECKS)
    def test_contract(name):
        asyncio.run(CHECKS[name](Bench(records=MyRecords())))

Records that block run the same checks through `core.blocking.run_straight`, with `together=in_own_threads`. The checks
make records of owners of their own and can share a database, one after another: the trash and the order of events are
everybody's. Optional powers (`BulkRecords`, `UsageRecords`, `TrashRecords`, `UpkeepRecords`, `OrderedRecords`,
`EventRecords`, `Checkable`) are checked where the records have them.
"""

from __future__ import annotations

from collections.abc import Mapping

from partway.contracts import ContractBroken
from partway.core.ports import Records
from partway.records.contract.bench import Bench, Check, Together, in_own_threads, in_tasks
from partway.records.contract.bulk import CHECKS as _BULK
from partway.records.contract.changes import CHECKS as _CHANGES
from partway.records.contract.deliveries import CHECKS as _DELIVERIES
from partway.records.contract.due import CHECKS as _DUE
from partway.records.contract.event_order import CHECKS as _EVENT_ORDER
from partway.records.contract.events import CHECKS as _EVENTS
from partway.records.contract.limits import CHECKS as _LIMITS
from partway.records.contract.listing import CHECKS as _LISTING
from partway.records.contract.order import CHECKS as _ORDER
from partway.records.contract.reports import CHECKS as _REPORTS
from partway.records.contract.standing import CHECKS as _STANDING
from partway.records.contract.trash import CHECKS as _TRASH
from partway.records.contract.values import CHECKS as _VALUES

#: Every check by its name, in the order of a record's life.
CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for checks in (
        _STANDING,
        _CHANGES,
        _VALUES,
        _LISTING,
        _ORDER,
        _REPORTS,
        _BULK,
        _LIMITS,
        _TRASH,
        _DUE,
        _EVENTS,
        _EVENT_ORDER,
        _DELIVERIES,
    )
    for check in checks
}


async def check_records(records: Records, *, together: Together | None = None) -> None:
    """Run every check on records, one after another.

    Args:
        records: the records.
        together: how several deeds are done at once; by default in tasks of the running loop.

    Raises:
        ContractBroken: the first check that failed, with its name.
    """
    for name, check in CHECKS.items():
        try:
            await check(Bench(records=records, together=together or in_tasks))
        except ContractBroken as broken:
            raise ContractBroken(f"{name}: {broken}") from broken


__all__ = ["CHECKS", "Bench", "Check", "ContractBroken", "Together", "check_records", "in_own_threads", "in_tasks"]
