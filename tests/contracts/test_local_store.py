"""The local store passes the contract of stores through its front, without HTTP, and keeps its own promises."""

import asyncio
import errno
import os
from dataclasses import replace
from urllib.parse import unquote

import pytest

from partway.core.blocking import iterate_straight, run_straight
from partway.errors import PartwayError, StoreUnavailable, WouldBlock
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


@pytest.mark.parametrize("error", [None, errno.ENOSYS, errno.EXDEV])
def test_a_copy_has_bytes_of_its_own_also_where_the_kernel_does_not_copy(bench, tmp_path, monkeypatch, error):
    content = os.urandom(3 * 1024 * 1024 + 7)
    run_straight(bench.store_object(bench.key("source"), content))
    if error is not None:

        def cannot(*_):
            raise OSError(error, "no")

        monkeypatch.setattr(os, "copy_file_range", cannot)
    source = run_straight(bench.store.head(bench.key("source")))
    run_straight(
        bench.store.copy_object(
            source.key, bench.key("copy"), source_etag=source.etag, size=source.size, token="t", content_type="a/b"
        )
    )
    assert run_straight(bench.content(bench.key("copy"))) == content
    data = list((tmp_path / "root" / "objects").rglob("data"))
    assert len({path.stat().st_ino for path in data}) == 2
    assert list((tmp_path / "root" / "scratch").iterdir()) == []


def test_a_copy_on_a_full_disk_leaves_nothing(bench, tmp_path, monkeypatch):
    run_straight(bench.store_object(bench.key("source"), b"content"))
    source = run_straight(bench.store.head(bench.key("source")))

    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "copy_file_range", full)
    with pytest.raises(StoreUnavailable, match="full"):
        run_straight(
            bench.store.copy_object(
                source.key, bench.key("copy"), source_etag=source.etag, size=source.size, token="t", content_type="a/b"
            )
        )
    assert run_straight(bench.store.head(bench.key("copy"))) is None
    assert list((tmp_path / "root" / "scratch").iterdir()) == []
