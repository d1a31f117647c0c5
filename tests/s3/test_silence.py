"""A store that accepts connections and says nothing: few requests try it, all others are refused at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from threading import Barrier, Thread

import pytest

from partway.core.blocking import run_straight
from partway.errors import StoreUnavailable
from partway.stores.s3 import S3Settings, S3Store
from partway.stores.s3.silence import Silence
from tests.s3.test_transports import CREATED, Tell, create, tell, tell_in_a_thread
from tests.servers.scripted_store import Hang, Reply, ScriptedStore

__all__ = ["tell"]  # a fixture
SETTINGS = S3Settings(bucket="bucket", access_key="AK", secret_key="SK", read_timeout=0.3, max_connections=8)
CALLERS = 60


def test_one_at_a_time_tries_a_silent_store():
    silence = Silence()
    silence.noticed(time.monotonic())
    assert not silence.refuses()
    assert silence.refuses()
    assert silence.refuses()
    silence.broken()
    assert not any(silence.refuses() for _ in range(3))


def test_a_store_that_answered_others_meanwhile_is_not_silent():
    silence = Silence()
    since = time.monotonic()
    silence.broken()
    silence.noticed(since)
    assert not any(silence.refuses() for _ in range(3))


async def outcome(store: S3Store) -> str:
    try:
        return await create(store)
    except StoreUnavailable as error:
        return "unavailable" if error.facts["retry_after"] >= 1 else "no word of when to come again"


def test_on_a_loop_all_are_refused_and_nothing_stays_behind():
    async def told(server: ScriptedStore) -> None:
        store = S3Store.connect(replace(SETTINGS, endpoint_url=server.endpoint))
        assert await asyncio.gather(*(outcome(store) for _ in range(CALLERS))) == ["unavailable"] * CALLERS
        assert len(asyncio.all_tasks()) == 1
        await store.aclose()

    with ScriptedStore([Hang()]) as server:
        asyncio.run(told(server))
        # Each connection is used once by those who find out, and then one after the other tries.
        assert len(server.requests) < CALLERS


def test_in_threads_all_are_refused():
    outcomes: list[str] = []
    with ScriptedStore([Hang()]) as server:
        store = S3Store.connect_blocking(replace(SETTINGS, endpoint_url=server.endpoint))
        together = Barrier(CALLERS)

        def ask() -> None:
            together.wait()
            outcomes.append(run_straight(outcome(store)))

        threads = [Thread(target=ask) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert outcomes == ["unavailable"] * CALLERS
        assert len(server.requests) < CALLERS
        run_straight(store.aclose())


def test_one_dead_connection_is_no_silence_for_who_had_it(tell: Tell):
    with ScriptedStore([Hang(), CREATED]) as server:
        assert tell(create, server, read_timeout=0.3) == "u-1"


def test_a_store_that_is_back_is_noticed(tell: Tell):
    async def until_back(store: S3Store) -> str:
        answers = [await outcome(store)]
        while answers[-1] == "unavailable":
            await store.calls.sleep(0.1)
            answers.append(await outcome(store))
        assert len(answers) > 1
        assert await outcome(store) == "u-1"
        return answers[-1]

    with ScriptedStore([Hang(), Hang(), CREATED]) as server:
        assert tell(until_back, server, read_timeout=0.3) == "u-1"


@pytest.mark.parametrize("status", [500, 503])
def test_a_store_that_says_no_is_not_silent(status: int):
    async def again(store: S3Store) -> None:
        for _ in range(3):
            assert await outcome(store) == "unavailable"

    with ScriptedStore([Reply(status=status)]) as server:
        tell_in_a_thread(again, server, patience=0.0)
        assert len(server.requests) == 3
