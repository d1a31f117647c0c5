"""Drives the story without an event loop: straight through, in the caller's thread and transaction.

The story is written once as plain `async def`. Over ports that block (named `Blocking…`) it never suspends, so one
`send(None)` runs it to its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
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
    story.close()
    raise WouldBlock("A story suspended without an event loop: give it blocking ports, or await it.")


def iterate_straight(items: AsyncIterator[T]) -> Iterator[T]:
    """Walk an asynchronous iterator that never suspends."""
    while True:
        try:
            yield run_straight(_next(items))
        except StopAsyncIteration:
            return


async def _next(items: AsyncIterator[T]) -> T:
    return await items.__anext__()
