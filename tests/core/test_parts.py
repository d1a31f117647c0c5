"""How a size is cut, and how a plan is held against what the store lists."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.core.parts import (
    GIB,
    MIB,
    S3_LIMITS,
    ClaimedPart,
    PartPlan,
    StoredPart,
    StoreLimits,
    check_plan,
    compare_with_plan,
    plain_etag,
    plan_parts,
)
from partway.errors import InvalidInput, PolicyRefused

sizes = st.one_of(
    st.integers(0, S3_LIMITS.max_object_size),
    st.integers(0, 200 * MIB),
    st.sampled_from([0, 1, 5 * MIB, 16 * MIB, 16 * MIB + 1, 5 * GIB, S3_LIMITS.max_object_size]),
)


@given(sizes, st.integers(0, 10 * GIB))
def test_a_plan_covers_the_file_within_the_limits(file_size, part_size):
    plan = plan_parts(file_size, part_size=part_size)
    assert 1 <= plan.num_parts <= S3_LIMITS.max_parts
    assert plan.part_size <= S3_LIMITS.max_part_size
    assert plan.offset_of(plan.num_parts) + plan.size_of(plan.num_parts) == file_size
    if plan.num_parts > 1:
        assert plan.part_size >= S3_LIMITS.min_part_size
        assert 0 < plan.size_of(plan.num_parts) <= plan.part_size


@given(sizes, st.integers(0, 10 * GIB))
def test_a_plan_of_ours_is_one_that_we_take(file_size, part_size):
    plan = plan_parts(file_size, part_size=part_size)
    assert check_plan(file_size, part_size=plan.part_size, num_parts=plan.num_parts) == plan


@given(st.integers(0, 100 * MIB), st.integers(-5, 40 * MIB), st.integers(-1, 30))
def test_a_plan_that_is_taken_covers_the_file(file_size, part_size, num_parts):
    try:
        plan = check_plan(file_size, part_size=part_size, num_parts=num_parts)
    except InvalidInput as refused:
        right = refused.facts.get("num_parts")
        if right is not None:
            assert check_plan(file_size, part_size=part_size, num_parts=right).num_parts == right
        return
    assert plan.num_parts == num_parts
    assert sum(plan.size_of(number) for number in plan.part_numbers()) == file_size
    assert [plan.offset_of(number) for number in plan.part_numbers()] == [
        sum(plan.size_of(before) for before in range(1, number)) for number in plan.part_numbers()
    ]


def test_an_empty_last_part_is_refused_with_the_right_number():
    with pytest.raises(InvalidInput, match="are 2, not 3") as refused:
        check_plan(20 * MIB, part_size=10 * MIB, num_parts=3)
    assert refused.value.facts["num_parts"] == 2


def test_an_empty_file_is_one_part():
    assert plan_parts(0) == PartPlan(0, 0, 1)
    assert check_plan(0, part_size=5 * MIB, num_parts=1) == PartPlan(0, 0, 1)


@pytest.mark.parametrize("part_size", [4 * MIB, 5 * MIB - 1, 5 * GIB + 1, 0, -1])
def test_part_sizes_outside_the_limits_are_refused_with_right_numbers(part_size):
    with pytest.raises(InvalidInput, match="num_parts 13 and part_size 8388608 are right"):
        check_plan(100 * MIB, part_size=part_size, num_parts=2)


def test_sizes_that_no_store_takes_are_refused():
    for refuse in (plan_parts, lambda size: check_plan(size, part_size=5 * MIB, num_parts=2)):
        with pytest.raises(PolicyRefused) as refused:
            refuse(S3_LIMITS.max_object_size + 1)
        assert refused.value.error_code == "file_too_large"
        with pytest.raises(InvalidInput):
            refuse(-1)


@given(st.integers(1, 10_000), st.integers(1, 100))
def test_a_large_file_needs_no_more_parts_than_there_are(max_parts, mebibytes):
    limits = StoreLimits(min_part_size=1, max_part_size=5 * GIB, max_parts=max_parts, max_object_size=10_000 * MIB)
    plan = plan_parts(mebibytes * MIB + 1, part_size=1, limits=limits)
    assert plan.num_parts <= max_parts


def stored(number, size, etag="e", seconds=0):
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return StoredPart(part_number=number, size=size, etag=etag, last_modified=moment)


def claims(etags):
    return {number: ClaimedPart(number, etag) for number, etag in etags.items()}


PLAN = PartPlan(25, 10, 3)
RIGHT = [stored(1, 10, "a"), stored(2, 10, "b"), stored(3, 5, "c")]


@given(st.permutations(RIGHT))
def test_all_parts_in_any_order_are_complete(listing):
    held = compare_with_plan(PLAN, listing, claims=claims({1: '"a"', 3: 'W/"c"', 2: ""}))
    assert held.complete
    assert held.parts == tuple(RIGHT)
    assert held.size == 25


@given(st.sets(st.sampled_from([1, 2, 3])))
def test_what_is_not_listed_is_missing(numbers):
    held = compare_with_plan(PLAN, [part for part in RIGHT if part.part_number in numbers])
    assert set(held.missing) == {1, 2, 3} - numbers
    assert held.complete == (len(numbers) == 3)


def test_wrong_sizes_strange_numbers_and_other_etags_are_told_apart():
    listing = [stored(1, 9, "a"), stored(2, 10, "b"), stored(3, 5, "c"), stored(4, 1, "d"), stored(0, 1, "z")]
    held = compare_with_plan(PLAN, listing, claims=claims({2: "other", 9: "x"}))
    assert held.missing == (1,)
    assert held.unplanned == (0, 4)
    assert held.disagreeing == (2,)
    assert not held.complete


@given(st.permutations([stored(1, 10, "old", 1), stored(1, 10, "new", 2), stored(2, 10), stored(3, 5)]))
def test_of_a_part_listed_twice_the_claimed_one_counts_else_the_newest(listing):
    assert compare_with_plan(PLAN, listing).parts[0].etag == "new"
    assert compare_with_plan(PLAN, listing, claims=claims({1: "old"})).parts[0].etag == "old"
    unknown = compare_with_plan(PLAN, listing, claims=claims({1: "lost"}))
    assert unknown.disagreeing == (1,)


def test_a_claimed_checksum_fills_in_for_a_store_that_lists_none_and_must_not_differ():
    claimed = {1: ClaimedPart(1, checksum="AAAAAA==")}
    assert compare_with_plan(PLAN, RIGHT, claims=claimed).parts[0].checksum == "AAAAAA=="
    listing = [StoredPart(part_number=1, size=10, etag="a", checksum="AAAAAQ=="), *RIGHT[1:]]
    held = compare_with_plan(PLAN, listing, claims=claimed)
    assert held.disagreeing == (1,)
    assert held.parts[0].checksum == "AAAAAQ=="


@pytest.mark.parametrize("etag", ['"abc"', "abc", 'W/"abc"', ' "abc" '])
def test_etags_are_compared_plain(etag):
    assert plain_etag(etag) == "abc"


def test_only_planned_numbers_pass():
    for number in (0, 4, -1):
        with pytest.raises(InvalidInput, match="1 to 3"):
            PLAN.check_part_number(number)
    PLAN.check_part_number(3)
