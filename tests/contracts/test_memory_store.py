"""The store in memory passes the contract of stores, on an event loop and straight through."""

import asyncio

import pytest

from partway.core.blocking import run_straight
from partway.stores.contract import CHECKS, Bench, ContractBroken, check_store
from partway.stores.memory import MemoryStore
from tests.servers.clock import HandClock


def bench_in_memory() -> Bench:
    clock = HandClock()
    store = MemoryStore(clock=clock)
    return Bench(store=store, send=store.send, wait=clock.wait)


@pytest.mark.parametrize("name", CHECKS)
def test_passes_straight_through(name):
    run_straight(CHECKS[name](bench_in_memory()))


@pytest.mark.parametrize("name", list(CHECKS)[:3])
def test_passes_on_an_event_loop(name):
    asyncio.run(CHECKS[name](bench_in_memory()))


class StoreWithoutSizes(MemoryStore):
    """A broken store: it signs no length."""

    def _sign_part(self, key, upload_id, part, expires_in, algorithm):
        url = self._signer.sign(
            "PUT",
            key,
            query={"partNumber": str(part.part_number), "uploadId": upload_id},
            headers={},
            expires_in=expires_in,
        )
        return super()._sign_part(key, upload_id, part, expires_in, algorithm)._replace(url=url)


def test_a_broken_store_is_found_and_the_check_is_named():
    store = StoreWithoutSizes()
    with pytest.raises(ContractBroken, match="a_part_of_another_size_is_refused"):
        run_straight(check_store(store, send=store.send))
