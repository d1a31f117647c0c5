"""One rate for several processes by Redis, and what becomes of it when Redis goes away and comes back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from partway.core.file import Caller
from partway.core.rates import Rate
from partway.errors import InvalidInput, MissingExtra, RateLimited
from partway.fastapi import rate_limit
from partway.fastapi.rate_limit import RateLimit
from tests.servers.redis import RedisServer

ALICE, BOB = Caller(id="alice/with %:* signs 🎬"), Caller(id="bob")
RATE = Rate(20, 3600)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


async def taken(*limits: RateLimit, caller: Caller = ALICE, times: int = 30) -> int:
    """How many of some requests pass, if processes get them in turn."""

    async def one(limit: RateLimit) -> bool:
        try:
            await limit.take(caller)
        except RateLimited:
            return False
        return True

    return sum(await asyncio.gather(*(one(limits[turn % len(limits)]) for turn in range(times))))


def test_processes_share_one_rate(redis: RedisServer) -> None:
    async def story() -> None:
        one, two = RateLimit(RATE, storage_url=redis.url), RateLimit(RATE, storage_url=redis.url)
        await one.take(ALICE, 5)
        assert await taken(one, two) == 15
        with pytest.raises(RateLimited) as refusal:
            await two.take(ALICE, 2)
        assert 3500 < refusal.value.facts["retry_after"] <= 3600
        assert refusal.value.facts["cost"] == 2
        with pytest.raises(InvalidInput):
            await one.take(BOB, 21)
        assert await taken(one, two, caller=BOB) == 20
        await one.aclose()
        await two.aclose()

    asyncio.run(story())


def test_without_redis_each_process_counts_for_itself(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        limit = RateLimit(RATE, storage_url=redis.url)
        assert await taken(limit) == 20
        redis.kill()
        assert await taken(limit) == 20
        assert "Redis does not answer" in caplog.text
        with pytest.raises(RateLimited):
            await limit.take(ALICE)
        redis.start()
        with pytest.raises(RateLimited):  # it is left alone for a while
            await limit.take(ALICE)
        monkeypatch.setattr(limit._shared, "_away_until", 0.0)
        assert await taken(limit) == 20
        await limit.aclose()

    asyncio.run(story())


def test_callers_who_are_silent_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 0.0
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: moment)
    limit = RateLimit(Rate(1, 60))

    async def story() -> None:
        nonlocal moment
        for number in range(10_000):
            moment = number / 10
            await limit.take(Caller(id=str(number)))

    asyncio.run(story())
    assert len(limit._own._windows) <= 2 * 1024


@pytest.mark.parametrize("module", ["limits", "redis.asyncio"])
def test_a_missing_package_is_named_with_its_extra(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"partway\[redis\]"):
        RateLimit(RATE, storage_url="redis://localhost")
