"""Copies in a bucket: large ones in parts, by both transports; half-made ones leave nothing; a 200 may be an error."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from partway.core.blocking import iterate_straight, run_straight
from partway.core.parts import MIB
from partway.core.ports import PartToSign
from partway.errors import ObjectGone, StoreError, StoreUnavailable
from partway.stores.contract import CHECKS, Bench
from partway.stores.s3 import S3Settings, S3Store
from partway.stores.s3.aiohttp_transport import AiohttpTransport
from tests.contracts.test_s3_store import send
from tests.servers.fault_proxy import Fault, FaultProxy, LoseAnswer, Reset
from tests.servers.scripted_store import Reply, ScriptedStore
from tests.servers.seaweedfs import SeaweedFS

LIMIT = 5 * MIB
CONTENT = os.urandom(2 * LIMIT + 3)
COPY_CHECKS = [name for name in CHECKS if "cop" in name]
COPIED = b"<CopyObjectResult><ETag>&quot;e&quot;</ETag></CopyObjectResult>"
FAILED = b'<?xml version="1.0"?>\n<Error><Code>%s</Code><Message>no</Message></Error>'


@pytest.fixture(scope="module")
def settings(seaweedfs: SeaweedFS) -> S3Settings:
    return replace(seaweedfs.settings(seaweedfs.new_bucket()), copy_limit=LIMIT)


@pytest.fixture(scope="module")
def source_etag(settings: S3Settings) -> str:
    """Of the object `large`, which is larger than one request copies."""
    store = S3Store.connect_blocking(settings)
    upload_id = run_straight(store.create_upload("large", content_type="a/b", token="source"))
    parts = [
        run_straight(store.write_part("large", upload_id, PartToSign(number, len(body)), body))
        for number, body in enumerate((CONTENT[:LIMIT], CONTENT[LIMIT : 2 * LIMIT], CONTENT[2 * LIMIT :]), start=1)
    ]
    run_straight(store.complete_upload("large", upload_id, parts))
    stored = run_straight(store.head("large"))
    run_straight(store.aclose())
    assert stored is not None
    return stored.etag


def in_a_thread(settings: S3Settings, story: Callable[[S3Store], Awaitable[None]]) -> None:
    store = S3Store.connect_blocking(settings)
    run_straight(story(store))  # type: ignore[arg-type]  # every story here is a coroutine
    run_straight(store.aclose())


def on_a_loop(settings: S3Settings, story: Callable[[S3Store], Awaitable[None]]) -> None:
    async def told() -> None:
        store = S3Store.connect(settings)
        try:
            await story(store)
        finally:
            await store.aclose()

    asyncio.run(told())


async def copy_large(store: S3Store, key: str, *, source_etag: str) -> None:
    await store.copy_object(
        "large", key, source_etag=source_etag, size=len(CONTENT), token="copy", content_type="text/plain"
    )


@pytest.mark.parametrize("tell", [in_a_thread, on_a_loop])
def test_a_large_object_is_copied_in_parts(settings: S3Settings, source_etag: str, tell: Callable[..., None]) -> None:
    async def story(store: S3Store) -> None:
        key = f"copies/{tell.__name__}"
        await copy_large(store, key, source_etag=source_etag)
        copy = await store.head(key)
        assert copy is not None
        assert (copy.size, copy.token, copy.content_type) == (len(CONTENT), "copy", "text/plain")
        assert copy.etag.endswith("-3")
        assert await store.find_uploads(key) == []

    tell(settings, story)
    reader = S3Store.connect_blocking(settings)
    stream = run_straight(reader.read(f"copies/{tell.__name__}"))
    assert b"".join(iterate_straight(stream.chunks)) == CONTENT
    run_straight(reader.aclose())


@pytest.mark.parametrize("tell", [in_a_thread, on_a_loop])
def test_a_large_source_that_changed_is_gone_and_leaves_nothing(
    settings: S3Settings, source_etag: str, tell: Callable[..., None]
) -> None:
    async def story(store: S3Store) -> None:
        with pytest.raises(ObjectGone):
            await copy_large(store, "gone", source_etag="0" * 32)
        assert await store.head("gone") is None
        assert await store.find_uploads("gone") == []

    tell(settings, story)


@pytest.mark.parametrize("tell", [in_a_thread, on_a_loop])
def test_a_copy_that_the_network_breaks_goes_on(
    seaweedfs: SeaweedFS, settings: S3Settings, source_etag: str, tell: Callable[..., None]
) -> None:
    port = int(seaweedfs.endpoint.rpartition(":")[2])

    def broken(method: str, target: str, count: int) -> Fault | None:
        return {1: Reset(), 2: LoseAnswer()}.get(count) if method == "PUT" else None

    with contextlib.closing(FaultProxy(port, fault=broken)) as proxy:

        async def story(store: S3Store) -> None:
            await copy_large(store, "broken", source_etag=source_etag)
            copy = await store.head("broken")
            assert copy is not None
            assert copy.size == len(CONTENT)

        tell(replace(settings, endpoint_url=proxy.url), story)
        assert [fault for _, _, fault in proxy.log if fault is not None] == [Reset(), LoseAnswer()]


@pytest.mark.parametrize("name", COPY_CHECKS)
def test_parts_pass_the_contract_of_copies(name: str, settings: S3Settings) -> None:
    async def story(store: S3Store) -> None:
        await CHECKS[name](Bench(store=store, send=send))

    in_a_thread(replace(settings, copy_limit=0), story)


@pytest.mark.parametrize("tell", [in_a_thread, on_a_loop])
def test_a_200_that_is_an_error_is_one(tell: Callable[..., None]) -> None:
    async def copied(store: S3Store) -> None:
        await store.copy_object("a", "b", source_etag="e", size=5, token="t", content_type="a/b")

    async def refused(store: S3Store) -> None:
        with pytest.raises(StoreError) as refusal:
            await copied(store)
        assert refusal.value.facts["store_code"] == "AccessDenied"

    def told(story: Callable[[S3Store], Awaitable[None]], *bodies: bytes) -> int:
        with ScriptedStore([Reply(body=body) for body in bodies]) as store:
            settings = S3Settings(bucket="b", endpoint_url=store.endpoint, access_key="a", secret_key="s")
            tell(settings, story)
            return len(store.requests)

    assert told(refused, b"   \n" + FAILED % b"AccessDenied", COPIED) == 1
    # One that may pass is sent again.
    assert told(copied, FAILED % b"InternalError", COPIED) == 2


def test_a_part_that_is_refused_gives_the_upload_up() -> None:
    begun = Reply(body=b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
    gone = Reply(status=404, body=FAILED % b"NoSuchUpload")
    script = [begun, Reply(body=COPIED), Reply(body=FAILED % b"AccessDenied"), Reply(status=204), gone]
    with ScriptedStore(script) as scripted:
        settings = S3Settings(
            bucket="b", endpoint_url=scripted.endpoint, access_key="a", secret_key="s", copy_limit=LIMIT
        )

        async def story(store: S3Store) -> None:
            with pytest.raises(StoreError):
                await copy_large(store, "k", source_etag="e")

        in_a_thread(settings, story)
        lines = [request.partition(b" HTTP")[0] for request in scripted.requests]
    assert lines[-2].startswith(b"DELETE /b/k?uploadId=u")
    assert len(lines) == 5


def test_a_store_that_is_away_is_unavailable() -> None:
    settings = S3Settings(
        bucket="b", endpoint_url="http://127.0.0.1:9", access_key="a", secret_key="s", patience=0.1, copy_limit=LIMIT
    )

    async def story(store: S3Store) -> None:
        with pytest.raises(StoreUnavailable):
            await copy_large(store, "k", source_etag="e")

    on_a_loop(settings, story)


def test_deeds_are_done_a_few_at_once_and_none_is_left_when_one_fails() -> None:
    async def told() -> None:
        transport = AiohttpTransport(max_connections=1, connect_timeout=1, pool_timeout=1)
        under_way: set[int] = set()
        most = 0

        async def deed(number: int) -> int:
            nonlocal most
            under_way.add(number)
            most = max(most, len(under_way))
            try:
                await asyncio.sleep(0)
                if number == 13:
                    raise StoreError("unlucky")
                await asyncio.sleep(0)
            finally:
                under_way.discard(number)
            return number

        numbers = [*range(13), *range(14, 20)]
        assert await transport.together([partial(deed, each) for each in numbers], at_once=3) == numbers
        assert most == 3
        with pytest.raises(StoreError, match="unlucky"):
            await transport.together([partial(deed, each) for each in range(20)], at_once=3)
        assert under_way == set()

    asyncio.run(told())
