"""A file's states, and its ids."""

import time
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from partway.core.file import OPEN, TRANSITIONS, Caller, File, UploadStatus, may_become, new_file_id, new_token

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = {UploadStatus.COMPLETED, UploadStatus.ABORTED, UploadStatus.FAILED}


def test_every_state_has_its_successors_and_ends_have_none_but_loss():
    assert set(TRANSITIONS) == set(UploadStatus)
    assert {status for status, after in TRANSITIONS.items() if not after} == ENDS - {UploadStatus.COMPLETED}
    assert TRANSITIONS[UploadStatus.COMPLETED] == {UploadStatus.FAILED}
    assert not OPEN & ENDS


@given(st.sampled_from(UploadStatus))
def test_an_end_is_reached_from_everywhere_but_the_ends(status):
    reached, border = {status}, {status}
    while border:
        border = {after for each in border for after in TRANSITIONS[each]} - reached
        reached |= border
    assert status in ENDS or reached >= ENDS


@given(st.sampled_from(UploadStatus), st.sampled_from(UploadStatus))
def test_may_become_is_the_transitions_backwards(before, after):
    assert (before in may_become(after)) == (after in TRANSITIONS[before])


def test_nobody_completes_what_is_aborted_or_aborts_what_completes():
    assert UploadStatus.ABORTED not in may_become(UploadStatus.COMPLETED)
    assert not may_become(UploadStatus.ABORTED) & {UploadStatus.COMPLETING, UploadStatus.COMPLETED}
    assert may_become(UploadStatus.PENDING) == frozenset()


def test_ids_are_uuid7_and_sort_by_time():
    first = new_file_id()
    time.sleep(0.002)
    second = new_file_id()
    assert first < second
    for file_id in (first, second):
        assert file_id.version == 7
        assert file_id.variant == "specified in RFC 4122"
        moment = datetime.fromtimestamp((file_id.int >> 80) / 1000, UTC)
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


def test_ids_and_tokens_do_not_repeat():
    assert len({new_file_id() for _ in range(1000)}) == 1000
    assert len({new_token() for _ in range(1000)}) == 1000
    assert len(new_token()) == 32


def test_a_file_evolves_and_knows_its_plan():
    file = File(
        id=new_file_id(),
        key="k",
        token=new_token(),
        file_name="a",
        file_size=25,
        file_content_type="a/b",
        name="a",
        created_by="o",
        part_size=10,
        num_parts=3,
        created=MOMENT,
        modified=MOMENT,
        expires=MOMENT,
    )
    assert [file.plan.size_of(number) for number in file.plan.part_numbers()] == [10, 10, 5]
    assert file.evolve(name="b").name == "b"
    assert file.name == "a"


def test_staff_see_all_and_others_their_own():
    assert Caller(id="me").sees_only == "me"
    assert Caller(id="me", staff=True).sees_only is None
