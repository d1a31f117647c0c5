"""Random histories of several clients, with the service killed and its store and database failing: nothing is lost, and
nothing lingers. See CONTRIBUTING.md on more of them, and on one again."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.histories.clients import Clients
from tests.histories.plan import history
from tests.histories.stack import Stack
from tests.histories.told import untold
from tests.histories.truth import broken_promises, id_of, nothing_left, untruths

DAY = 24 * 3600  #: seconds


def _seeds() -> range:
    first = os.environ.get("PARTWAY_HISTORY_SEED")
    count = int(os.environ.get("PARTWAY_HISTORY_RUNS", "300" if first is None else "1"))
    return range(int(first or 0), int(first or 0) + count)


@pytest.mark.parametrize("seed", _seeds())
def test_nothing_is_lost_and_nothing_lingers(seed: int, stack_of: Callable[[bool], Stack]) -> None:
    plan = history(seed)
    stack = stack_of(plan.remote)
    clients = Clients(plan, stack)
    try:
        wrong = _lived(clients, stack, forgotten=plan.forgets)
    finally:
        stack.forget_all()
    if wrong:
        pytest.fail("\n".join([*wrong, "", str(plan), *clients.log, "", _command(seed)]), pytrace=False)


def _lived(clients: Clients, stack: Stack, *, forgotten: bool) -> list[str]:
    """What is wrong when all is over."""
    clients.live()
    contents = {str(number): told.content for number, told in clients.files.items()}
    for _ in range(2):  # what is given up in the first run may be settled in the second: URLs outlive their uploads
        stack.pass_time(2 * DAY)
        report = stack.upkeep()
    promises = broken_promises(stack, clients.files, forgotten=forgotten)
    wrong = [*clients.wrong, *untruths(stack, contents), *untold(stack), *promises]
    if report.failed:
        wrong.append(f"upkeep did not get through: {report}")
    return wrong or _deleted(stack)


def _deleted(stack: Stack) -> list[str]:
    """What is left when everything is deleted, and 40 days have passed."""
    ids = [str(id_of(row)) for row in stack.rows("SELECT id FROM partway_files")]
    janitor = stack.api("janitor", staff=True)
    if ids:
        answer = janitor("POST", "/files/bulk-delete", json={"ids": ids, "hard_delete": True})
        assert answer.status_code == 200, answer.text
    stack.pass_time(40 * DAY)
    stack.upkeep()
    return [*nothing_left(stack), *untold(stack)]


def _command(seed: int) -> str:
    return f"again: PARTWAY_HISTORY_SEED={seed} scripts/test tests/histories -k nothing_lingers"
