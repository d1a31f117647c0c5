"""Sequences whose elements are made when they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from partway.core.in_turn import InTurn


def squares(numbers: Iterable[int]) -> Iterator[int]:
    return (number * number for number in numbers)


@given(st.lists(st.integers()), st.slices(20), st.integers(-25, 25))
def test_it_reads_like_a_list_of_what_is_made(numbers: list[int], part: slice, index: int) -> None:
    made, expected = InTurn(numbers, squares), list(squares(numbers))
    assert list(made) == list(made) == expected
    assert len(made) == len(expected)
    assert bool(made) is bool(expected)
    assert list(made[part]) == expected[part]
    if -len(numbers) <= index < len(numbers):
        assert made[index] == expected[index]


def test_nothing_is_made_before_it_is_read() -> None:
    asked = []

    def make(numbers: Iterable[int]) -> Iterator[int]:
        for number in numbers:
            asked.append(number)
            yield number

    made = iter(InTurn(range(3), make))
    assert asked == []
    assert next(made) == 0
    assert asked == [0]
