"""Stories over blocking ports run straight through; those that suspend are found out."""

import asyncio

import pytest

from partway.core.blocking import iterate_straight, run_straight
from partway.errors import NotFound, WouldBlock


async def never_suspends(value):
    return value


async def story(value):
    return await never_suspends(value) + 1


async def failing():
    raise NotFound("none")


async def suspending():
    await asyncio.sleep(0)


async def suspending_stubbornly():
    try:
        await asyncio.sleep(0)
    finally:
        await asyncio.sleep(0)


def test_a_story_runs_to_its_result():
    assert run_straight(story(1)) == 2
    assert run_straight(never_suspends(None)) is None


def test_a_storys_error_is_raised():
    with pytest.raises(NotFound):
        run_straight(failing())


@pytest.mark.parametrize("suspends", [suspending, suspending_stubbornly])
def test_a_story_that_suspends_is_refused(suspends):
    with pytest.raises(WouldBlock):
        run_straight(suspends())


class Items:
    """Counts, and knows whether it was closed."""

    def __init__(self, end):
        self.at, self.end, self.closed = 0, end, 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.at == self.end:
            raise StopAsyncIteration
        self.at += 1
        return self.at

    async def aclose(self):
        self.closed += 1


def test_items_are_walked_and_closed():
    items = Items(3)
    assert list(iterate_straight(items)) == [1, 2, 3]
    assert items.closed == 1


def test_items_are_closed_when_the_walk_ends_early():
    items = Items(3)
    walk = iterate_straight(items)
    assert next(walk) == 1
    walk.close()
    assert (items.at, items.closed) == (1, 1)


async def generated():
    yield 1
    yield 2


def test_generators_are_walked():
    assert list(iterate_straight(generated())) == [1, 2]
