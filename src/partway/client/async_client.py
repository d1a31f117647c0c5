"""The client for asyncio: the same engine in worker threads, so there is one of it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from partway.client.client import Client
from partway.client.stopping import Stop
from partway.client.values import Deletion, FileEvent, RemoteFile

P = ParamSpec("P")
T = TypeVar("T")


def _in_thread(
    method: Callable[Concatenate[Client, P], T],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """The same method, awaited."""

    async def awaited(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(lambda client: method(client, *args, **kwargs))

    functools.update_wrapper(awaited, method)
    return awaited


class AsyncClient:
    """`Client` for asyncio: the same arguments, the same results, awaited.

    Cancelling a call ends its transfer promptly; the upload stays resumable. Progress callbacks come from other
    threads.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._client = Client(*args, **kwargs)
        self._stop = Stop()

    upload = _in_thread(Client.upload)
    download = _in_thread(Client.download)
    get = _in_thread(Client.get)
    update = _in_thread(Client.update)
    delete = _in_thread(Client.delete)
    restore = _in_thread(Client.restore)
    copy = _in_thread(Client.copy)
    metadata = _in_thread(Client.metadata)
    abort = _in_thread(Client.abort)
    presigned_url = _in_thread(Client.presigned_url)

    @functools.wraps(Client.list)
    async def list(self, **query: Any) -> AsyncIterator[RemoteFile]:
        """As `Client.list`, by `async for`."""
        files = self._client.list(**query)
        while (file := await self._run(lambda _: next(files, None))) is not None:
            yield file

    @functools.wraps(Client.delete_many)
    async def delete_many(self, file_ids: Iterable[str], *, hard: bool = False) -> AsyncIterator[Deletion]:
        """As `Client.delete_many`, by `async for`."""
        outcomes = self._client.delete_many(file_ids, hard=hard)
        while (outcome := await self._run(lambda _: next(outcomes, None))) is not None:
            yield outcome

    @functools.wraps(Client.watch)
    async def watch(self, file_id: str | None = None, *, after: int | None = None) -> AsyncIterator[FileEvent]:
        """As `Client.watch`, by `async for`."""
        stop = Stop(self._stop)
        events = self._client.with_stop(stop).watch(file_id, after=after)
        thread = ThreadPoolExecutor(1)  # its own: it waits for long, and others would wait for it
        try:
            while (event := await asyncio.get_running_loop().run_in_executor(thread, next, events, None)) is not None:
                yield event
        finally:
            stop.set()
            stop.release()
            thread.shutdown(wait=False)

    async def close(self) -> None:
        """End what is under way, and close the connections."""
        self._stop.set()
        await asyncio.to_thread(self._client.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, deed: Callable[[Client], T]) -> T:
        """Do something in a thread; if this is cancelled, it ends, and only then are we gone."""
        stop = Stop(self._stop)
        task = asyncio.ensure_future(asyncio.to_thread(deed, self._client.with_stop(stop)))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait({task})
            task.exception()  # how it ended is nobody's concern any more
            raise
        finally:
            stop.release()
