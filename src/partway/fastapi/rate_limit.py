"""Holds each caller to a rate: in this process, or with Redis in all processes together."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

from fastapi import Request

from partway.core.file import Caller
from partway.core.initiation import NewUpload, UploadSettings, urls_asked
from partway.core.parts import StoreLimits
from partway.core.rates import MovingWindow, Rate
from partway.errors import InvalidInput, MissingExtra, RateLimited
from partway.fastapi.auth import CallerOf

_REDIS_SECONDS = 1.0  #: that an answer of Redis is waited for
_AWAY_SECONDS = 10.0  #: that Redis is left alone after it has not answered
_SWEEP_AFTER = 1024  #: callers in memory before those who have been silent are forgotten
_log = logging.getLogger("partway")


class RateLimit:
    """Counts what callers ask for, and refuses what is more than the rate.

    Args:
        rate: for each caller.
        storage_url: of Redis, which all processes share (extra `redis`); None: this process counts for itself. While
            Redis does not answer, it does so too.

    Raises:
        MissingExtra: the packages for Redis are not installed.
    """

    def __init__(self, rate: Rate, *, storage_url: str | None = None) -> None:
        self._rate = rate
        self._own = _OwnWindows(rate)
        self._shared = _RedisWindows(rate, storage_url) if storage_url else None

    def metered(self, caller_of: CallerOf) -> CallerOf:
        """The same dependency, at a cost of 1 for each request."""
        return _Metered(self, caller_of)

    async def take(self, caller: Caller, cost: int = 1) -> None:
        """Count a request, or refuse it.

        Args:
            caller: who asks.
            cost: the URLs that it has signed; 1 for all other requests.

        Raises:
            RateLimited: the caller has asked for too much in the last while (the fact `retry_after` is in seconds).
            InvalidInput: it costs more than the rate ever allows.
        """
        rate = self._rate
        if cost > rate.amount:
            raise InvalidInput(
                f"This asks for {cost} URLs at once, and you may have {rate.amount} in {rate.seconds} seconds: ask for "
                "fewer at a time (presign_parts, part_numbers, or smaller batches).",
                limit=rate.amount,
                window=rate.seconds,
                cost=cost,
            )
        wait = await self._wait(caller.id, cost)
        if wait is not None:
            seconds = max(1, math.ceil(wait))
            raise RateLimited(
                f"You may ask for {rate.amount} URLs or other requests in {rate.seconds} seconds. Ask again in "
                f"{seconds} seconds.",
                limit=rate.amount,
                window=rate.seconds,
                cost=cost,
                retry_after=seconds,
            )

    async def aclose(self) -> None:
        """Give back the connections to Redis."""
        if self._shared is not None:
            await self._shared.aclose()

    async def _wait(self, owner: str, cost: int) -> float | None:
        if self._shared is not None and self._shared.is_there():
            try:
                return await self._shared.take(owner, cost)
            except self._shared.trouble as error:
                self._shared.leave_alone()
                _log.warning("Redis does not answer, so each process counts requests for itself: %s", error)
        return self._own.take(owner, cost)


class SigningCosts:
    """What requests cost that have URLs signed.

    Args:
        rate: nothing costs anything without one.
        settings: how uploads are made.
        limits: what the store takes.
    """

    def __init__(self, rate: RateLimit | None, *, settings: UploadSettings, limits: StoreLimits) -> None:
        self._rate = rate
        self._settings = settings
        self._limits = limits

    async def initiations(self, caller: Caller, new: Sequence[NewUpload]) -> None:
        """Count the URLs that some initiations answer with. Raises as `RateLimit.take` does."""
        if self._rate is not None:
            urls = sum(urls_asked(each, settings=self._settings, limits=self._limits) for each in new)
            await self._rate.take(caller, urls)

    async def urls(self, caller: Caller, count: int) -> None:
        """Count some URLs. Raises as `RateLimit.take` does."""
        if self._rate is not None:
            await self._rate.take(caller, count)


class _Metered:
    """A dependency: the caller, who has been counted."""

    def __init__(self, rate: RateLimit, caller_of: CallerOf) -> None:
        self._rate = rate
        self._caller_of = caller_of

    async def __call__(self, request: Request) -> Caller:
        caller = await self._caller_of(request)
        await self._rate.take(caller)
        return caller


class _OwnWindows:
    """The windows of all callers, in this process."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._windows: dict[str, MovingWindow] = {}
        self._sweep_at = _SWEEP_AFTER

    def take(self, owner: str, cost: int) -> float | None:
        now = time.monotonic()
        window = self._windows.get(owner)
        if window is None:
            self._sweep(now)
            window = self._windows[owner] = MovingWindow(self._rate)
        return window.take(cost, now=now)

    def _sweep(self, now: float) -> None:
        if len(self._windows) >= self._sweep_at:
            self._windows = {owner: each for owner, each in self._windows.items() if not each.is_empty(now=now)}
            self._sweep_at = max(_SWEEP_AFTER, 2 * len(self._windows))


class _RedisWindows:
    """The windows of all callers, in Redis."""

    def __init__(self, rate: Rate, url: str) -> None:
        try:
            from limits import RateLimitItemPerSecond
            from limits.aio.storage import RedisStorage
            from limits.aio.strategies import MovingWindowRateLimiter
            from limits.errors import StorageError
            from redis.asyncio import Redis
        except ModuleNotFoundError as error:
            raise MissingExtra("redis", module=error.name or "limits") from error
        self.trouble: type[Exception] = StorageError
        seconds: dict[str, Any] = {"socket_timeout": _REDIS_SECONDS, "socket_connect_timeout": _REDIS_SECONDS}
        storage = RedisStorage(
            f"async+{url}", wrap_exceptions=True, implementation="redispy", key_prefix="partway", **seconds
        )
        self._redis: Redis = storage.bridge.storage  # type: ignore[attr-defined]  # the only way to close it
        self._item = RateLimitItemPerSecond(rate.amount, rate.seconds)
        self._limiter = MovingWindowRateLimiter(storage)
        self._away_until = 0.0

    async def take(self, owner: str, cost: int) -> float | None:
        if await self._limiter.hit(self._item, owner, cost=cost):
            return None
        stats = await self._limiter.get_window_stats(self._item, owner)
        return stats.reset_time - time.time()

    def is_there(self) -> bool:
        return time.monotonic() >= self._away_until

    def leave_alone(self) -> None:
        self._away_until = time.monotonic() + _AWAY_SECONDS

    async def aclose(self) -> None:
        await self._redis.aclose()
