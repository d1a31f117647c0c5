"""A form's fields are byte for byte those that botocore signs, and a real store holds a form to them."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import urllib3
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from partway.core.blocking import run_straight
from partway.core.ports import SignedForm
from partway.errors import InvalidInput
from partway.s3.credentials import Credentials
from partway.s3.post_policy import sign_post
from partway.s3.sigv4 import Signing
from partway.stores.s3 import S3Store
from tests.servers.seaweedfs import SeaweedFS

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def store(seaweedfs: SeaweedFS) -> Iterator[S3Store]:
    store = S3Store.connect_blocking(seaweedfs.settings(seaweedfs.new_bucket()))
    yield store
    run_straight(store.aclose())


def of_botocore(mine: Credentials, *, key: str, content_type: str, sizes: tuple[int, int]) -> dict[str, str]:
    client = boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id=mine.access_key,
        aws_secret_access_key=mine.secret_key,
        aws_session_token=mine.session_token,
        config=Config(signature_version="s3v4"),
    )
    conditions = [{"Content-Type": content_type}, ["content-length-range", *sizes]]
    fields = {"Content-Type": content_type}
    return client.generate_presigned_post("bucket", key, Fields=fields, Conditions=conditions, ExpiresIn=600)["fields"]


def sorted_policy(policy: str) -> tuple[list[str], datetime]:
    document = json.loads(base64.b64decode(policy))
    expiration = datetime.strptime(document["expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return sorted(map(json.dumps, document["conditions"])), expiration


def resigned(fields: dict[str, str], signing: Signing) -> str:
    """The signature of a policy, as the documentation says."""
    return hmac.digest(signing.key, fields["policy"].encode(), "sha256").hex()


@settings(deadline=None, max_examples=15)
@given(key=texts.filter(lambda key: "${filename}" not in key), content_type=texts, token=st.none() | texts)
def test_the_fields_are_those_of_botocore(key, content_type, token):
    mine = Credentials("AKIAEXAMPLE", "secret", token)
    theirs = of_botocore(mine, key=key, content_type=content_type, sizes=(1, 99))
    now = datetime.strptime(theirs["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signing = Signing(credentials=mine, region="eu-west-1", now=now)
    ours = sign_post(
        bucket="bucket", key=key, content_type=content_type, sizes=(1, 99), signing=signing, expires_in=600
    )
    computed = {"policy", "x-amz-signature"}
    assert {n: v for n, v in ours.items() if n not in computed} == {
        n: v for n, v in theirs.items() if n not in computed
    }
    (conditions, expiration), (wanted, moment) = sorted_policy(ours["policy"]), sorted_policy(theirs["policy"])
    assert conditions == wanted
    assert expiration == now + timedelta(seconds=600)
    assert abs(expiration - moment) <= timedelta(seconds=1)  # botocore looks at the clock twice
    assert theirs["x-amz-signature"] == resigned(theirs, signing)
    assert ours["x-amz-signature"] == resigned(ours, signing)


def test_a_key_that_the_store_would_replace_is_refused():
    signing = Signing(credentials=Credentials("AK", "s"), region="r", now=datetime.now(UTC))
    with pytest.raises(InvalidInput):
        sign_post(bucket="b", key="a/${filename}", content_type="a/b", sizes=(0, 1), signing=signing, expires_in=60)


def signed_form(store: S3Store, key: str, *, expires_in: int = 60) -> SignedForm:
    return run_straight(store.sign_form(key, content_type="text/plain", min_size=3, max_size=5, expires_in=expires_in))


def post(form: SignedForm, body: bytes, **changed: str) -> int:
    fields = [*({**form.fields, **changed}).items(), ("file", ("own name.txt", body, "text/plain"))]
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request_encode_body("POST", form.url, fields=fields, redirect=False).status


@pytest.mark.parametrize("body", [b"abc", b"abcde"])
def test_a_form_makes_the_object(store, body):
    key = f"form/é {len(body)}+.txt"
    assert post(signed_form(store, key), body) in {200, 201, 204}
    stored = run_straight(store.head(key))
    assert stored is not None
    assert (stored.size, stored.content_type) == (len(body), "text/plain")


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b"ab", {}),
        (b"abcdef", {}),
        (b"abc", {"Content-Type": "text/html"}),
        (b"abc", {"key": "form/other"}),
        (b"abc", {"x-amz-signature": "0" * 64}),
    ],
    ids=["shorter", "longer", "other-type", "other-key", "other-signature"],
)
def test_what_was_not_signed_is_refused(store, body, changed):
    assert 400 <= post(signed_form(store, "form/refused"), body, **changed) < 500
    for key in ("form/refused", "form/other"):
        assert run_straight(store.head(key)) is None


def test_a_form_dies_on_time(store):
    form = signed_form(store, "form/late", expires_in=1)
    time.sleep(2.5)
    assert 400 <= post(form, b"abc") < 500
    assert run_straight(store.head("form/late")) is None
