"""The local store passes the contract of stores through its front, without HTTP, and keeps its own promises."""

import asyncio
from dataclasses import replace
from urllib.parse import unquote

import pytest

from partway.core.blocking import iterate_straight, run_straight
from partway.errors import PartwayError, WouldBlock
from partway.stores.contract import CHECKS, Answer, Bench
from partway.stores.local import BlockingLocalStore
from partway.stores.local.front import StoreFront, StoreRequest, refusal
from partway.threads import close_threads, in_threads
from tests.servers.clock import HandClock


class FrontSender:
    """Sends requests to the front in this process."""

    def __init__(self, store: BlockingLocalStore) -> None:
        self.front = StoreFront(store)

    async def __call__(self, method, url, headers, body):
        path, _, query = url.partition("?")
        lower = {name.lower(): value for name, value in headers.items()} | {"content-length": str(len(body))}
        key = unquote(path).removeprefix("/store/")
        request = StoreRequest(method=method, key=key, query=query, headers=lower)
        try:
            answer = self.receive(request, body) if method == "PUT" else self.front.serve(request)
        except PartwayError as error:
            answer = refusal(error)
        content = b"".join(iterate_straight(answer.stream.chunks)) if answer.stream else answer.body
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, content)

    def receive(self, request, body):
        with self.front.receive(request) as receiver:
            receiver.write(body)
            return self.front.received(request, receiver.finish())


@pytest.fixture
def bench(tmp_path):
    clock = HandClock()
    store = BlockingLocalStore(tmp_path / "root", secret_key="s" * 32, clock=clock)
    return Bench(store=store, send=FrontSender(store), wait=clock.wait)


@pytest.mark.parametrize("name", CHECKS)
def test_passes_the_contract(name, bench):
    run_straight(CHECKS[name](bench))


@pytest.mark.parametrize("name", CHECKS)
def test_passes_the_contract_in_threads(name, bench):
    async def send(*request):
        return await asyncio.to_thread(lambda: run_straight(bench.send(*request)))

    async def story():
        store = in_threads(bench.store, workers=2, name="disk")
        try:
            await CHECKS[name](replace(bench, store=store, send=send))
        finally:
            await close_threads(store)

    asyncio.run(story())


def test_the_blocking_store_refuses_to_hold_up_a_loop(bench):
    async def story():
        await bench.store.head("k")

    with pytest.raises(WouldBlock, match="in_threads"):
        asyncio.run(story())
