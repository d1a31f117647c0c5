"""Several deeds at once, where whoever runs the story can do so: `partway.threads.together` on an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Together(Protocol):
    """Does deeds, up to `at_once` at a time, and returns their results in order.

    Raises what the first one raises that fails; none is under way any more then.
    """

    async def __call__(self, deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
        """Do them."""
        ...


async def one_by_one(deeds: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
    """Do deeds one after the other: without an event loop there is no other way (see `Together`)."""
    return [await deed() for deed in deeds]
