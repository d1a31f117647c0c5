"""How much may be asked in a while: a rate, and the moving window that holds one caller to it. Pure."""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple, Self

_RATE = re.compile(r"([1-9][0-9]{0,8})\s*/\s*(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_GRAINS = 1000  #: costs that came within this share of the window count as one: a window never holds many more


class Rate(NamedTuple):
    """At most `amount` in any `seconds`."""

    amount: int
    seconds: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `600/minute`; the other words are `second`, `hour` and `day`.

        Raises:
            ValueError: it is not so written.
        """
        match = _RATE.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return cls(int(match[1]), _SECONDS[match[2]])


class MovingWindow:
    """What one caller has asked in the last `rate.seconds`.

    Args:
        rate: what it is held to.
    """

    __slots__ = ("_costs", "_rate", "_used")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._costs: deque[tuple[float, int]] = deque()  # moment and cost, oldest first
        self._used = 0

    def take(self, cost: int, *, now: float) -> float | None:
        """Take a cost of at most `rate.amount`, if there is room for it.

        Args:
            cost: at least 1.
            now: seconds of a clock that never goes back.

        Returns:
            None; or nothing was taken, and these are the seconds until there is room.
        """
        self._forget(now)
        excess = self._used + cost - self._rate.amount
        if excess > 0:
            return self._room_in(excess, now)
        if self._costs and now - self._costs[-1][0] < self._rate.seconds / _GRAINS:
            cost_before = self._costs.pop()[1]
            self._costs.append((now, cost_before + cost))
        else:
            self._costs.append((now, cost))
        self._used += cost
        return None

    def is_empty(self, *, now: float) -> bool:
        """Whether nothing was asked in the last `rate.seconds`."""
        self._forget(now)
        return not self._costs

    def _forget(self, now: float) -> None:
        while self._costs and self._costs[0][0] <= now - self._rate.seconds:
            self._used -= self._costs.popleft()[1]

    def _room_in(self, excess: int, now: float) -> float:
        for moment, cost in self._costs:
            excess -= cost
            if excess <= 0:
                return moment + self._rate.seconds - now
        return float(self._rate.seconds)
