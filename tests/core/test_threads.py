"""A blocking port led through threads behaves like the port, off the loop."""

import asyncio
import threading
import time

import pytest
from tests.servers.clock import HandClock

from partway.core.ports import BulkRecords, ConditionalPuts, ObjectListing
from partway.errors import ObjectGone
from partway.stores.contract import CHECKS, Bench
from partway.stores.memory import MemoryStore
from partway.threads import close_threads, in_threads


class Port:
    """Notes where its verbs run."""

    def __init__(self) -> None:
        self.closed_in = None
        self.released = threading.Event()

    @property
    def limits(self) -> int:
        return 7

    async def where(self) -> str:
        return threading.current_thread().name

    async def sum(self, first: int, *, second: int) -> int:
        return first + second

    async def wait(self) -> None:
        self.released.wait()

    def plain(self) -> str:
        return threading.current_thread().name

    async def aclose(self) -> None:
        self.closed_in = threading.current_thread().name


def test_verbs_run_in_named_threads_and_plain_members_do_not():
    async def story():
        port = in_threads(Port(), workers=2, name="disk")
        assert (await port.where()).startswith("disk")
        assert await port.sum(1, second=2) == 3
        assert port.limits == 7
        assert port.plain() == threading.main_thread().name
        await close_threads(port)

    asyncio.run(story())


def test_closing_closes_the_port_and_ends_the_threads():
    async def story():
        blocking = Port()
        port = in_threads(blocking, workers=2, name="ending")
        await port.where()
        await close_threads(port)
        await close_threads(port)
        assert blocking.closed_in.startswith("ending")
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("ending")]
        with pytest.raises(RuntimeError, match="closed"):
            await port.where()

    asyncio.run(story())


def test_the_loop_goes_on_while_verbs_block():
    async def story():
        blocking = Port()
        port = in_threads(blocking, workers=2, name="disk")
        waiting = asyncio.gather(port.wait(), port.wait())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        blocking.released.set()
        await waiting
        await close_threads(port)

    asyncio.run(story())


def test_protocols_and_errors_are_those_of_the_port():
    async def story():
        port = in_threads(MemoryStore(), workers=1, name="memory")
        assert isinstance(port, ConditionalPuts)
        assert isinstance(port, ObjectListing)
        assert not isinstance(port, BulkRecords)
        with pytest.raises(ObjectGone):
            await port.read("absent")
        await close_threads(port)

    asyncio.run(story())


@pytest.mark.parametrize("name", CHECKS)
def test_a_store_in_threads_passes_the_contract(name):
    async def story():
        clock = HandClock()
        store = in_threads(MemoryStore(clock=clock), workers=3, name="memory")
        try:
            await CHECKS[name](Bench(store=store, send=store.send, wait=clock.wait))
        finally:
            await close_threads(store)

    asyncio.run(story())


class SlowStream:
    """Chunks that take their time; tells when it is closed."""

    def __init__(self) -> None:
        self.running = False
        self.closed = False

    def __aiter__(self):
        return self

    async def __anext__(self) -> bytes:
        self.running = True
        time.sleep(0.05)  # noqa: ASYNC251 (a blocking port)
        self.running = False
        return b"chunk"

    async def aclose(self) -> None:
        assert not self.running
        self.closed = True


class SlowStore(MemoryStore):
    """Reads slowly."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = SlowStream()
        self.opening = threading.Event()

    async def read(self, key, **options):
        self.opening.set()
        time.sleep(0.05)  # noqa: ASYNC251 (a blocking port)
        stream = await super().read(key, **options)
        object.__setattr__(stream, "chunks", self.stream)
        return stream


def slow_store() -> SlowStore:
    store = SlowStore()
    store._keep("key", b"body", content_type="text/plain", token="t", etag="e", checksum=None)
    return store


def test_a_cancelled_step_ends_before_the_stream_is_closed():
    async def story():
        blocking = slow_store()
        store = in_threads(blocking, workers=2, name="slow")
        stream = await store.read("key")
        step = asyncio.ensure_future(anext(stream.chunks))
        await asyncio.sleep(0.01)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        await stream.aclose()
        assert blocking.stream.closed
        await close_threads(store)

    asyncio.run(story())


def test_a_stream_that_nobody_waits_for_is_closed():
    async def story():
        blocking = slow_store()
        store = in_threads(blocking, workers=1, name="slow")
        reading = asyncio.ensure_future(store.read("key"))
        await asyncio.to_thread(blocking.opening.wait)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await close_threads(store)
        assert blocking.stream.closed

    asyncio.run(story())
