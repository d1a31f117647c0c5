"""What an event loop can do at once. Blocking ports there: every verb runs straight through in a worker thread and is
awaited.

A disk and an embedded database block by nature. Their ports are written without suspending, and this carries them
off the loop, one hop of a thread for each verb and for each chunk of a stream.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar, cast

from partway.core.blocking import run_straight
from partway.core.ports import ObjectStream

T = TypeVar("T")


async def together(deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
    """Do deeds on the running event loop, up to `at_once` at a time; see `partway.core.together.Together`."""
    slots = asyncio.Semaphore(at_once)

    async def within(deed: Callable[[], Awaitable[T]]) -> T:
        async with slots:
            return await deed()

    tasks = [asyncio.ensure_future(within(deed)) for deed in deeds]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def in_threads(port: T, *, workers: int, name: str) -> T:
    """The same port for an event loop. Its verbs may be awaited concurrently if the port is safe in threads.

    Coroutine verbs run in threads; properties and plain methods answer in the caller's thread. `isinstance` against the
    ports' protocols says the same as of the port itself. Close it with `close_threads`.

    Args:
        port: one whose verbs never suspend.
        workers: threads at most; they start as they are needed.
        name: what the threads' names begin with.
    """
    threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=name)
    port_type: type[Any] = type(port)
    return cast(T, _threaded(port_type)(port, threads))


async def close_threads(port: object) -> None:
    """Close a port that `in_threads` made: the port's own `aclose`, if it has one, then the threads.

    Verbs that are under way end first. Twice is fine.
    """
    if isinstance(port, _InThreads):
        await port.aclose()


class _InThreads:
    """What all ports in threads have in common; the verbs are added for each type of port."""

    def __init__(self, port: Any, threads: ThreadPoolExecutor) -> None:
        self._port = port
        self._threads: ThreadPoolExecutor | None = threads

    async def aclose(self) -> None:
        """Close the port and end the threads."""
        threads, self._threads = self._threads, None
        if threads is None:
            return
        if close := getattr(self._port, "aclose", None):
            await asyncio.wrap_future(threads.submit(_run, close))
        await asyncio.to_thread(threads.shutdown)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def submit(self, verb: Callable[..., Any], *args: Any, **options: Any) -> Future[Any]:
        """Start a verb in a thread."""
        if self._threads is None:
            raise RuntimeError("This port is closed; make a new one with in_threads.")
        return self._threads.submit(_run, verb, *args, **options)


def _run(verb: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return run_straight(verb(*args, **options))


def _threaded(port_type: type[Any]) -> type[_InThreads]:
    """A type with the public names of `port_type`, its coroutine verbs led through threads."""
    members: dict[str, Any] = {}
    for name in dir(port_type):
        member = inspect.getattr_static(port_type, name)
        if name.startswith("_") or name == "aclose":
            continue
        if inspect.iscoroutinefunction(member):
            members[name] = _verb(name)
        else:
            members[name] = property(partial(_member, name))
    return type(f"{port_type.__name__}InThreads", (_InThreads,), members)


def _member(name: str, threaded: _InThreads) -> Any:
    return getattr(threaded._port, name)


def _verb(name: str) -> Callable[..., Awaitable[Any]]:
    async def verb(self: _InThreads, *args: Any, **options: Any) -> Any:
        started = self.submit(getattr(self._port, name), *args, **options)
        try:
            result = await asyncio.wrap_future(started)
        except asyncio.CancelledError:
            started.add_done_callback(_discard)
            raise
        if isinstance(result, ObjectStream):
            return replace(result, chunks=_ThreadedIterator(self, result.chunks))
        return result

    verb.__name__ = name
    return verb


def _discard(started: Future[Any]) -> None:
    """Close a stream that nobody waits for any more."""
    if not started.cancelled() and started.exception() is None and isinstance(started.result(), ObjectStream):
        run_straight(started.result().aclose())


class _ThreadedIterator(Generic[T], AsyncIterator[T]):
    """An iterator that never suspends, led through threads, one hop for each item."""

    _END = object()

    def __init__(self, port: _InThreads, items: AsyncIterator[T]) -> None:
        self._port = port
        self._items = items
        self._one_at_a_time = threading.Lock()  # a cancelled step may still run while the iterator is closed

    async def __anext__(self) -> T:
        item = await asyncio.wrap_future(self._port.submit(self._next))
        if item is self._END:
            raise StopAsyncIteration
        return cast(T, item)

    async def aclose(self) -> None:
        """Close what stands behind the items."""
        await asyncio.wrap_future(self._port.submit(self._close))

    async def _next(self) -> T | object:
        with self._one_at_a_time:
            try:
                return await self._items.__anext__()
            except StopAsyncIteration:
                return self._END

    async def _close(self) -> None:
        close = getattr(self._items, "aclose", None)
        if close is not None:
            with self._one_at_a_time:
                await close()
