"""How the admin shows files: what it computes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from partway.core.parts import PartPlan
from partway.django.admin.showing import reported_size


@given(part_size=st.integers(1, 50), file_size=st.integers(0, 500), picked=st.data())
def test_reported_sizes_are_those_of_the_parts(part_size: int, file_size: int, picked: st.DataObject) -> None:
    plan = PartPlan(file_size, part_size, max(1, -(-file_size // part_size)))
    numbers = picked.draw(st.sets(st.sampled_from(list(plan.part_numbers()))))
    size = reported_size(plan, parts=len(numbers), last=max(numbers, default=None))
    assert size == sum(plan.size_of(number) for number in numbers)
