"""Keys: fixed ones, and botocore's chain with keys that end."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.core.blocking import run_straight
from partway.core.ports import PartToSign
from partway.errors import Misconfigured, MissingExtra, StoreUnavailable
from partway.s3.address import BucketAddress
from partway.s3.credentials import Credentials
from partway.stores.s3 import S3Settings, S3Store
from partway.stores.s3.calls import S3Calls
from partway.stores.s3.credentials import AsyncChain, BlockingChain, FixedCredentials

SETTINGS = S3Settings(bucket="bucket", endpoint_url="http://127.0.0.1:1")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def store_with(credentials: Credentials) -> S3Store:
    address = BucketAddress.of("bucket", region="us-east-1", endpoint_url="http://127.0.0.1:1")
    transport = S3Store.connect_blocking(S3Settings(bucket="b", access_key="A", secret_key="S")).calls._transport
    calls = S3Calls(
        address=address,
        region="us-east-1",
        credentials=FixedCredentials(credentials),
        transport=transport,
        patience=1.0,
        read_timeout=1.0,
    )
    return S3Store(bucket="b", calls=calls, public_address=address)


def ends_in(seconds: float) -> Credentials:
    return Credentials("AK", "SK", "token", datetime.now(UTC) + timedelta(seconds=seconds))


@given(st.integers(1, 10**6), st.none() | st.integers(-100, 10**6))
def test_nothing_outlives_its_credentials(asked, left):
    expires = None if left is None else NOW + timedelta(seconds=left)
    lifetime = Credentials("A", "S", None, expires).lifetime_at_most(asked, now=NOW)
    assert lifetime == (asked if left is None else max(0, min(asked, left)))


def test_every_url_says_how_long_it_really_lives():
    store = store_with(ends_in(100))
    part = run_straight(store.sign_parts("k", "u", [PartToSign(1, 5)], expires_in=3600))
    put = run_straight(store.sign_put("k", size=5, content_type="a/b", token="t", expires_in=3600))
    for lifetime, url in (
        (part.expires_in, part.parts[0].url),
        (put.expires_in, put.url),
        (signed := run_straight(store.sign_download("k", expires_in=3600)))[1::-1],
    ):
        assert 90 <= lifetime <= 100
        assert f"X-Amz-Expires={lifetime}&" in url
        assert "X-Amz-Security-Token=token" in url
    assert signed.headers == {}


def test_no_url_lives_longer_than_a_week():
    signed = run_straight(store_with(Credentials("AK", "SK")).sign_download("k", expires_in=10**7))
    assert signed.expires_in == 604800


def test_dead_credentials_sign_nothing():
    with pytest.raises(StoreUnavailable, match="expired"):
        run_straight(store_with(ends_in(-1)).sign_download("k", expires_in=60))


def test_half_of_the_keys_is_refused():
    with pytest.raises(Misconfigured):
        S3Store.connect(S3Settings(bucket="b", access_key="AK"))


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any keys; `process` below gives it some that end."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def process(home: Path, lifetime: timedelta) -> None:
    """Let a program give the keys, as single sign-on tools do; it notes each call."""
    keys = {
        "Version": 1,
        "AccessKeyId": "AKPROCESS",
        "SecretAccessKey": "SK",
        "SessionToken": "token",
        "Expiration": (datetime.now(UTC) + lifetime).isoformat(),
    }
    program = home / "keys.py"
    program.write_text(f"open({str(home / 'calls')!r}, 'a').write('x'); print({json.dumps(keys)!r})")
    (home / "config").write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")


def test_keys_of_the_chain_end_and_are_not_fetched_for_each_request(aws):
    process(aws, timedelta(hours=1))
    chain = BlockingChain()
    first, second = run_straight(chain.current()), run_straight(chain.current())
    assert first is second
    assert (first.access_key, first.session_token) == ("AKPROCESS", "token")
    assert first.expires is not None
    assert timedelta(minutes=55) < first.expires - datetime.now(UTC) < timedelta(minutes=61)
    signed = run_straight(S3Store.connect_blocking(SETTINGS).sign_download("k", expires_in=604800))
    assert signed.expires_in <= 3600
    assert re.search(r"X-Amz-Credential=AKPROCESS", signed.url)


def test_fetching_keys_does_not_hold_the_event_loop_up(aws):
    process(aws, timedelta(hours=1))

    async def fetch() -> list[Credentials]:
        chain = AsyncChain()
        threads = {threading.get_ident()}
        fetched = chain._chain.fetch

        def noted() -> Credentials:
            threads.add(threading.get_ident())
            return fetched()

        chain._chain.fetch = noted
        found = await asyncio.gather(*(chain.current() for _ in range(20)))
        assert len(threads) > 1
        return found

    assert len({id(credentials) for credentials in asyncio.run(fetch())}) == 1


def test_no_keys_at_all_are_named_at_the_start(aws):
    with pytest.raises(Misconfigured, match="AWS_ACCESS_KEY_ID"):
        S3Store.connect(SETTINGS)


def test_a_missing_botocore_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(MissingExtra, match=r"partway\[aws\]"):
        S3Store.connect(SETTINGS)
