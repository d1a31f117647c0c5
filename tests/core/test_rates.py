"""Rates: how they are written, and the moving window against the plain sum that it stands for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.house import new

from partway.core.initiation import UploadSettings, urls_asked
from partway.core.parts import MIB, StoreLimits
from partway.core.rates import MovingWindow, Rate


def test_rates_are_read_as_they_are_written() -> None:
    assert Rate.read("600/minute") == Rate(600, 60)
    assert Rate.read("1 / second") == Rate(1, 1)
    assert Rate.read("5/hour").seconds == 3600
    assert Rate.read("100000/day").seconds == 86_400


@pytest.mark.parametrize("text", ["", "600", "0/minute", "-1/minute", "1/week", "1/minutes", "1.5/hour", "1/minute/2"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (its text is the text)
        Rate.read(text)


@given(
    asked=st.lists(st.tuples(st.integers(0, 5000).map(lambda ms: ms / 100), st.integers(1, 10)), max_size=60),
    amount=st.integers(10, 30),
)
def test_no_window_ever_holds_more_than_the_rate(asked: list[tuple[float, int]], amount: int) -> None:
    rate = Rate(amount, 60)
    window, now, taken = MovingWindow(rate), 0.0, list[tuple[float, int]]()
    for pause, cost in asked:
        now += pause
        wait = window.take(cost, now=now)
        within = sum(each for moment, each in taken if moment > now - rate.seconds)
        if wait is None:
            assert within + cost <= amount
            taken.append((now, cost))
        else:
            grain = rate.seconds / 1000  # what came within a grain counts until its last has left
            late = sum(each for moment, each in taken if moment > now - rate.seconds - grain)
            assert late + cost > amount
            assert 0 < wait <= rate.seconds + grain
            now += wait + 1e-6
            assert window.take(cost, now=now) is None
            taken.append((now, cost))
    assert window.is_empty(now=now) == (not taken)
    assert window.is_empty(now=now + rate.seconds + 1)


def test_a_window_stays_small_however_much_is_asked() -> None:
    window = MovingWindow(Rate(10**9, 3600))
    for moment in range(100_000):
        assert window.take(1, now=moment / 50) is None
    assert len(window._costs) < 1100


def test_initiations_cost_the_urls_that_they_answer_with() -> None:
    limits, settings = StoreLimits(), UploadSettings(part_size=5 * MIB)

    def cost(**asked: object) -> int:
        return urls_asked(new(**{"file_size": 50 * MIB, **asked}), settings=settings, limits=limits)  # type: ignore[arg-type]

    assert cost() == 10
    assert cost(presign_parts=3) == 3
    assert cost(presign_parts=0) == 1
    assert cost(file_size=0) == 1
    assert cost(checksum_algorithm="crc32", part_checksums=["AAAAAA=="] * 2) == 2
    assert cost(checksum_algorithm="crc32") == 1
    assert cost(file_size=-1) == 1
    assert cost(num_parts=7) == 1
