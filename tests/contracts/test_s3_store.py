"""The S3 store passes the contract of stores on SeaweedFS, on an event loop and in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
import urllib3

from partway.core.blocking import run_straight
from partway.stores.contract import CHECKS, Answer, Bench
from partway.stores.s3 import S3Store
from tests.servers.seaweedfs import SeaweedFS


@pytest.fixture(scope="module")
def bucket(seaweedfs: SeaweedFS) -> str:
    return seaweedfs.new_bucket()


async def send(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request(method, url, headers=headers, body=body, redirect=False)
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)


@pytest.mark.parametrize("name", CHECKS)
def test_on_an_event_loop(name: str, seaweedfs: SeaweedFS, bucket: str) -> None:
    async def check() -> None:
        store = S3Store.connect(seaweedfs.settings(bucket))
        try:
            await CHECKS[name](Bench(store=store, send=send))
        finally:
            await store.aclose()

    asyncio.run(check())


@pytest.mark.parametrize("name", CHECKS)
def test_in_a_thread(name: str, seaweedfs: SeaweedFS, bucket: str) -> None:
    store = S3Store.connect_blocking(seaweedfs.settings(bucket))
    try:
        run_straight(CHECKS[name](Bench(store=store, send=send)))
    finally:
        run_straight(store.aclose())
