"""How objects are kept: the headers beside botocore's, and what a real store makes of them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest
import urllib3
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from partway.core.blocking import run_straight
from partway.core.ports import PartToSign
from partway.errors import Misconfigured
from partway.s3 import requests
from partway.s3.object_options import ObjectOptions
from partway.stores.s3 import S3Store
from tests.servers.seaweedfs import SeaweedFS

TAGS = {"team": "media", "cost centre": "a+b/c=d@e"}
OPTIONS = ObjectOptions(encrypt_at_rest=True, storage_class="STANDARD_IA", tags=TAGS)
KEY = "files/a.bin"


@pytest.fixture(scope="module")
def store(seaweedfs: SeaweedFS) -> Iterator[S3Store]:
    settings = replace(seaweedfs.settings(seaweedfs.new_bucket()), options=OPTIONS)
    store = S3Store.connect_blocking(settings)
    yield store
    run_straight(store.aclose())


@pytest.fixture(scope="module")
def boto(seaweedfs: SeaweedFS) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=seaweedfs.endpoint,
        region_name=seaweedfs.region,
        aws_access_key_id=seaweedfs.access_key,
        aws_secret_access_key=seaweedfs.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )


def assert_kept(boto: Any, store: S3Store, key: str, tags: Mapping[str, str] = TAGS) -> None:
    bucket = store.object_url("").rstrip("/").rpartition("/")[2]
    head = boto.head_object(Bucket=bucket, Key=key)
    assert head["ServerSideEncryption"] == "AES256"
    assert head["StorageClass"] == "STANDARD_IA"
    found = boto.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in found} == tags


def sent_by_botocore(operation: str, **parameters: Any) -> dict[str, str]:
    """The headers of botocore's request, which is not sent."""
    client = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="AK", aws_secret_access_key="s")
    found: dict[str, str] = {}

    def note(request: Any, **_: Any) -> Any:
        found.update({name.lower(): value for name, value in request.headers.items()})
        return urllib3  # anything: the request is not sent

    client.meta.events.register("before-send.s3", note)
    with contextlib.suppress(Exception):  # it finds no answer in ours
        getattr(client, operation)(Bucket="b", Key=KEY, **parameters)
    return {
        name: value if isinstance(value, str) else value.decode()
        for name, value in found.items()
        if name.startswith("x-amz-")
        and ("encryption" in name or name.endswith(("-class", "-tagging", "-directive", "-acl")))
    }


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        (ObjectOptions(), {}),
        (ObjectOptions(encrypt_at_rest=True), {"ServerSideEncryption": "AES256"}),
        (
            ObjectOptions(encrypt_at_rest=True, kms_key_id="alias/files"),
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/files"},
        ),
        (ObjectOptions(storage_class="GLACIER_IR"), {"StorageClass": "GLACIER_IR"}),
        (
            ObjectOptions(tags=TAGS, storage_class="STANDARD_IA"),
            {"Tagging": "team=media&cost%20centre=a%2Bb%2Fc%3Dd%40e", "StorageClass": "STANDARD_IA"},
        ),
        (ObjectOptions(acl="bucket-owner-full-control"), {"ACL": "bucket-owner-full-control"}),
    ],
)
def test_the_headers_are_botocores(options: ObjectOptions, parameters: dict[str, str]) -> None:
    created = requests.create_multipart_upload(
        KEY, content_type="a/b", token="t", checksum_algorithm=None, options=options
    )
    written = requests.put_object(KEY, b"", content_type="a/b", token="t", options=options)
    assert options.headers == sent_by_botocore("create_multipart_upload", **parameters)
    assert options.headers == sent_by_botocore("put_object", **parameters)
    assert options.headers.items() <= created.headers.items()
    assert options.headers.items() <= written.headers.items()
    copied = requests.copy_object(KEY, source="/b/s", source_etag="e", content_type="a/b", token="t", options=options)
    directive = {"TaggingDirective": "REPLACE"} if "Tagging" in parameters else {}
    theirs = sent_by_botocore("copy_object", CopySource="b/s", MetadataDirective="REPLACE", **parameters, **directive)
    assert theirs.items() <= copied.headers.items()


def test_a_multipart_upload_is_kept_so(store: S3Store, boto: Any) -> None:
    upload_id = run_straight(store.create_upload(KEY, content_type="a/b", token="t"))
    part = run_straight(store.write_part(KEY, upload_id, PartToSign(1, 3), b"abc"))
    run_straight(store.complete_upload(KEY, upload_id, [part]))
    assert_kept(boto, store, KEY)
    run_straight(store.copy_object(KEY, "copy", source_etag=part_etag(store), size=3, token="u", content_type="a/b"))
    assert_kept(boto, store, "copy")


def part_etag(store: S3Store) -> str:
    stored = run_straight(store.head(KEY))
    assert stored is not None
    return stored.etag


@pytest.mark.parametrize("plain", [False, True])
def test_a_presigned_put_is_kept_so_or_refused(store: S3Store, boto: Any, *, plain: bool) -> None:
    key = f"put-{secrets.token_hex(4)}"
    if plain:
        signed = run_straight(store.sign_plain_put(key, content_type="a/b", expires_in=60, size=3))
    else:
        signed = run_straight(store.sign_put(key, size=3, content_type="a/b", token="t", expires_in=60))
    without = {name: value for name, value in signed.headers.items() if name not in OPTIONS.headers}
    assert len(without) == len(signed.headers) - 3
    with urllib3.PoolManager(retries=False) as pool:
        assert pool.request("PUT", signed.url, body=b"abc", headers=without).status == 403
        assert pool.request("PUT", signed.url, body=b"abc", headers=dict(signed.headers)).status == 200
    assert_kept(boto, store, key)


def test_what_comes_through_us_is_kept_so(store: S3Store, boto: Any) -> None:
    run_straight(store.write_object("small", b"abc", content_type="a/b", token="t"))
    assert_kept(boto, store, "small")


def test_a_form_is_kept_so(seaweedfs: SeaweedFS, boto: Any) -> None:
    # SeaweedFS takes no tags by form: it does not know the condition that S3 demands for the field.
    options = replace(OPTIONS, tags={})
    store = S3Store.connect_blocking(replace(seaweedfs.settings(seaweedfs.new_bucket()), options=options))
    form = run_straight(store.sign_form("form", content_type="a/b", min_size=0, max_size=9, expires_in=60))
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("POST", form.url, fields={**form.fields, "file": ("f", b"abc", "a/b")})
    assert answer.status in {200, 204}, answer.data
    assert_kept(boto, store, "form", tags={})
    run_straight(store.aclose())


def test_a_form_names_its_acl_in_its_own_way() -> None:
    assert ObjectOptions(acl="private").form_fields == {"acl": "private"}


def test_a_form_names_its_tags_by_a_document() -> None:
    tagging = OPTIONS.form_fields["tagging"]
    tags = {tag.findtext("Key"): tag.findtext("Value") for tag in ElementTree.fromstring(tagging).iter("Tag")}
    assert tags == TAGS
    assert OPTIONS.form_fields.items() >= replace(OPTIONS, tags={}).headers.items()


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"kms_key_id": "a\nb"}, "S3_SSE_KMS_KEY_ID"),
        ({"storage_class": "x"}, "S3_STORAGE_CLASS"),
        ({"tags": {"": "x"}}, "S3_OBJECT_TAGS"),
        ({"tags": {"a": "b\nc"}}, "S3_OBJECT_TAGS"),
        ({"tags": {"AWS:x": "b"}}, "S3_OBJECT_TAGS"),
        ({"acl": "Mine!"}, "S3_ACL"),
    ],
)
def test_what_no_store_takes_is_refused(wrong: dict[str, Any], setting: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        ObjectOptions(**wrong)
    assert refused.value.facts["setting"] == setting


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text()))
def test_headers_are_plain_ascii_or_refused(kms: str, storage_class: str, tags: dict[str, str]) -> None:
    try:
        options = ObjectOptions(kms_key_id=kms, storage_class=storage_class, tags=tags)
    except Misconfigured:
        return
    assert all(value.isascii() and value.isprintable() for value in options.headers.values())
