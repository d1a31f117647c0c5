"""Both transports on a store that resets, stalls, is overloaded or answers nonsense."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from partway.core.blocking import run_straight
from partway.errors import AnswerLost, MissingExtra, StoreRefused, StoreUnavailable, UploadGone, WouldBlock
from partway.s3 import requests
from partway.stores.s3 import S3Settings, S3Store
from partway.stores.s3.transport import delay_before, retry_after
from tests.servers.ports import free_port
from tests.servers.scripted_store import Hang, Reply, Reset, ScriptedStore

SETTINGS = S3Settings(bucket="bucket", access_key="AK", secret_key="SK", patience=10.0, connect_timeout=2.0)
CREATED = Reply(
    body=b"<InitiateMultipartUploadResult><UploadId>u-1</UploadId></InitiateMultipartUploadResult>",
    headers=(("Content-Type", "application/xml"),),
)
INTERNAL_ERROR = b"<Error><Code>InternalError</Code></Error>"
Story = Callable[[S3Store], Awaitable[Any]]
Tell = Callable[..., Any]


def tell_on_a_loop(story: Story, server: ScriptedStore, **changed: Any) -> Any:
    async def told() -> Any:
        store = S3Store.connect(replace(SETTINGS, endpoint_url=server.endpoint, **changed))
        try:
            return await story(store)
        finally:
            await store.aclose()

    return asyncio.run(told())


def tell_in_a_thread(story: Story, server: ScriptedStore, **changed: Any) -> Any:
    store = S3Store.connect_blocking(replace(SETTINGS, endpoint_url=server.endpoint, **changed))

    async def told() -> Any:
        try:
            return await story(store)
        finally:
            await store.aclose()

    return run_straight(told())


@pytest.fixture(params=[tell_on_a_loop, tell_in_a_thread], ids=["aiohttp", "urllib3"])
def tell(request: pytest.FixtureRequest) -> Tell:
    told: Tell = request.param
    return told


async def create(store: S3Store) -> str:
    return await store.create_upload("k", content_type="a/b", token="t")


async def create_once(store: S3Store) -> str:
    return await store.create_upload("k", content_type="a/b", token="t", once=True)


async def read_all(store: S3Store) -> bytes:
    stream = await store.read("k")
    return b"".join([chunk async for chunk in stream.chunks])


@pytest.mark.parametrize(
    "trouble",
    [
        [Reset()],
        [Reset(), Reset(), Reset()],
        [Reply(status=503, body=b"<Error><Code>SlowDown</Code></Error>")],
        [Reply(status=500), Reply(status=502), Reply(status=504), Reply(status=429)],
        [Reply(status=400, body=b"<Error><Code>RequestTimeout</Code></Error>")],
        [Reply(status=200, body=INTERNAL_ERROR)],
        [Reply(status=200, body=b"cut", length=1000)],
    ],
    ids=lambda trouble: "-".join(type(deed).__name__ + str(getattr(deed, "status", "")) for deed in trouble),
)
def test_trouble_that_passes_is_sat_out(tell, trouble):
    with ScriptedStore([*trouble, CREATED]) as server:
        assert tell(create, server) == "u-1"
        assert len(server.requests) >= len(trouble) + 1


@pytest.mark.parametrize("trouble", [Reset(), Reply(status=503), Reply(status=200, body=INTERNAL_ERROR)])
def test_trouble_that_stays_is_said_in_bounded_time(tell, trouble):
    with ScriptedStore([trouble]) as server, pytest.raises(StoreUnavailable) as raised:
        tell(create, server, patience=0.3)
    assert raised.value.facts["retry_after"] >= 1


def test_a_store_that_says_nothing_is_given_up(tell):
    async def check_quickly(store: S3Store) -> None:
        await store.calls.send(replace(requests.head_bucket(), read_timeout=0.2))

    with ScriptedStore([Hang()]) as server, pytest.raises(StoreUnavailable):
        tell(check_quickly, server, patience=0.5)


def test_a_store_that_is_not_there_is_unavailable(tell):
    with ScriptedStore([CREATED]) as server:
        pass
    with pytest.raises(StoreUnavailable):
        tell(create, server, patience=0.2)


def test_the_stores_own_wish_to_wait_counts(tell):
    busy = Reply(status=503, headers=(("Retry-After", "60"),))
    with ScriptedStore([busy, CREATED]) as server, pytest.raises(StoreUnavailable) as raised:
        tell(create, server)
    assert raised.value.facts["retry_after"] == 60
    assert len(server.requests) == 1


def test_a_completion_that_fails_half_way_is_no_success(tell):
    async def complete(store: S3Store) -> None:
        await store.complete_upload("k", "u", [])

    gone = Reply(status=200, body=b'<?xml version="1.0"?>\n \n <Error><Code>NoSuchUpload</Code></Error>')
    with ScriptedStore([gone]) as server, pytest.raises(UploadGone):
        tell(complete, server)


def test_redirects_are_not_followed(tell):
    with ScriptedStore([CREATED]) as elsewhere:
        moved = Reply(status=307, headers=(("Location", elsewhere.endpoint),))
        with ScriptedStore([moved]) as server, pytest.raises(StoreRefused, match="region"):
            tell(create, server)
        assert elsewhere.connections == 0


def test_connections_are_kept(tell):
    async def many(store: S3Store) -> None:
        for _ in range(5):
            await create(store)
            assert await read_all(store) == CREATED.body

    with ScriptedStore([CREATED]) as server:
        tell(many, server)
        assert server.connections == 2  # for requests, and for what is read


def test_who_reads_slowly_leaves_the_others_a_connection(tell):
    async def read_slowly(store: S3Store) -> str:
        stream = await store.read("k")
        begun = await create(store)
        await stream.aclose()
        return begun

    with ScriptedStore([Reply(body=bytes(2_000_000)), CREATED]) as server:
        assert tell(read_slowly, server, max_connections=1, read_timeout=1.0) == "u-1"


def test_streams_that_nobody_reads_give_their_connection_back(tell):
    async def many(store: S3Store) -> None:
        for _ in range(4):
            stream = await store.read("k")
            await stream.aclose()
            await stream.aclose()
        stream = await store.read("k")
        async for _ in stream.chunks:
            break
        await stream.aclose()
        assert [chunk async for chunk in stream.chunks] == []
        assert len(await read_all(store)) == 2_000_000

    with ScriptedStore([Reply(body=bytes(2_000_000))]) as server:
        tell(many, server, max_connections=1)


def test_an_object_that_breaks_off_is_unavailable(tell):
    with ScriptedStore([Reply(body=bytes(1000), length=2000)]) as server, pytest.raises(StoreUnavailable):
        tell(read_all, server)


def test_an_overloaded_store_is_asked_again_for_an_object(tell):
    with ScriptedStore([Reply(status=503, body=b"later"), Reset(), Reply(body=b"bytes")]) as server:
        assert tell(read_all, server, max_connections=1) == b"bytes"


def test_an_objects_bytes_come_as_they_are(tell):
    zipped = Reply(body=b"\x1f\x8bnot really", headers=(("Content-Encoding", "gzip"),))
    with ScriptedStore([zipped]) as server:
        assert tell(read_all, server) == zipped.body
        assert b"accept-encoding: gzip" not in server.requests[0].lower()


def test_an_answer_without_end_is_refused(tell):
    async def list_all(store: S3Store) -> None:
        await store.list_objects("")

    with ScriptedStore([Reply(body=b" " * (33 * 1024 * 1024))]) as server, pytest.raises(StoreRefused, match="large"):
        tell(list_all, server)


@pytest.mark.parametrize(
    ("key", "path"),
    [("a/../b/./c", "/bucket/a/../b/./c"), ("/lead//x", "/bucket//lead//x"), ("é +%2f~", "/bucket/%C3%A9%20%2B%252f~")],
)
def test_paths_go_out_as_they_are_signed(tell, key, path):
    async def head(store: S3Store) -> None:
        await store.head(key)

    with ScriptedStore([Reply(headers=(("ETag", '"e"'),))]) as server:
        tell(head, server)
        assert server.requests[0].splitlines()[0] == f"HEAD {path} HTTP/1.1".encode()


def test_a_blocking_store_refuses_an_event_loop():
    async def misuse(store: S3Store) -> None:
        with pytest.raises(WouldBlock):
            await store.check()

    with ScriptedStore([CREATED]) as server:
        asyncio.run(misuse(S3Store.connect_blocking(replace(SETTINGS, endpoint_url=server.endpoint))))
        assert server.connections == 0


@pytest.mark.parametrize(("module", "connect"), [("aiohttp", "connect"), ("urllib3", "connect_blocking")])
def test_a_missing_package_is_named(monkeypatch, module, connect):
    name = "aiohttp_transport" if module == "aiohttp" else "blocking_transport"
    monkeypatch.delitem(sys.modules, f"partway.stores.s3.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"partway\[s3\]"):
        getattr(S3Store, connect)(SETTINGS)


def test_delays_grow_and_end():
    assert all(0 <= delay_before(attempt) <= min(5.0, 0.1 * 2 ** (attempt - 1)) for attempt in range(2, 40))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("", 0),
        ("soon", 0),
        ("-3", 0),
        ("Sat, 21 Nov 2026 01:00:30 GMT", 30),
        ("Sat, 21 Nov 2020 01:00:30 GMT", 0),
    ],
)
def test_how_long_the_store_asks_to_wait(value, seconds):
    assert retry_after({"retry-after": value}, now=datetime(2026, 11, 21, 1, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    "trouble", [Reset(), Reply(status=500), Reply(body=b"<Initiate", length=100)], ids=["reset", "500", "cut"]
)
def test_what_is_asked_once_is_not_asked_again_if_it_may_be_done(tell: Tell, trouble: Reply | Reset) -> None:
    with ScriptedStore([trouble, CREATED]) as server:
        with pytest.raises(AnswerLost):
            tell(create_once, server)
        assert len(server.requests) == 1


def test_what_is_asked_once_is_asked_again_if_it_was_turned_away(tell: Tell) -> None:
    with ScriptedStore([Reply(status=503), Reply(status=429), CREATED]) as server:
        assert tell(create_once, server) == "u-1"


def test_what_is_asked_once_of_nobody_is_not_lost(tell: Tell) -> None:
    with ScriptedStore([]) as server:
        server.endpoint = f"http://127.0.0.1:{free_port()}"
        with pytest.raises(StoreUnavailable) as refused:
            tell(create_once, server, patience=0.3)
    assert not isinstance(refused.value, AnswerLost)
