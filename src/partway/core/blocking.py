"""Drives the story without an event loop: straight through, in the caller's thread and transaction.

The story is written once as plain `async def`. Over ports that block (named `Blocking…`) it never suspends, so one
`send(None)` runs it to its end.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Coroutine, Generator
from typing import Any, TypeVar

from partway.errors import WouldBlock

T = TypeVar("T")


def run_straight(story: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends and return its result.

    Raises:
        WouldBlock: it did suspend: one of its ports is truly asynchronous.
    """
    try:
        story.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    with contextlib.suppress(RuntimeError):  # raised if it would suspend again while it is closed
        story.close()
    raise WouldBlock("A story suspended without an event loop: give it blocking ports, or await it.")


def iterate_straight(items: AsyncIterator[T]) -> Generator[T, None, None]:
    """Walk an asynchronous iterator that never suspends, and close it at the end, also at an early one."""
    try:
        while True:
            try:
                item = run_straight(_next(items))
            except StopAsyncIteration:
                return
            yield item
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            run_straight(close())


async def _next(items: AsyncIterator[T]) -> T:
    return await items.__anext__()
