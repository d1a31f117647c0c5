"""What we sign is byte for byte what botocore signs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from partway.core.checksums import ChecksumAlgorithm
from partway.core.ports import PartToSign
from partway.errors import Misconfigured
from partway.s3.address import BucketAddress
from partway.s3.credentials import Credentials
from partway.s3.part_signer import PartSigner
from partway.s3.sigv4 import Signing, presign, query_string, sign_headers

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
visible = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
regions = st.sampled_from(["us-east-1", "eu-west-1", "auto", "cn-north-1"])
header_names = st.sampled_from(["content-type", "content-length", "if-none-match", "x-amz-meta-token", "x-amz-acl"])
headers = st.dictionaries(header_names, visible, max_size=4)
queries = st.dictionaries(
    texts.filter(lambda name: name and not name.startswith("X-Amz-")), texts.filter(bool), max_size=4
)
credentials = st.builds(
    Credentials,
    st.text("ABCDEFGHIJ0123456789", min_size=4, max_size=20),
    visible.filter(bool),
    st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80),
)
addresses = st.builds(
    BucketAddress.of,
    st.sampled_from(["bucket", "dotted.bucket.name"]),
    region=regions,
    endpoint_url=st.sampled_from(
        [
            None,
            "http://127.0.0.1:9000",
            "https://s3.example.com",
            "https://s3.example.com:443/in/front/",
            "http://[::1]:1",
        ]
    ),
    style=st.sampled_from([None, "path"]),
)


def signed_at(moment: str) -> datetime:
    return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def theirs(mine: Credentials) -> BotocoreCredentials:
    return BotocoreCredentials(mine.access_key, mine.secret_key, mine.session_token)


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "HEAD", "DELETE"]),
    address=addresses,
    key=keys,
    query=queries,
    headers=headers,
    mine=credentials,
    region=regions,
    expires_in=st.integers(1, 604800),
)
def test_presigned_urls_are_botocores(*, method, address, key, query, headers, mine, region, expires_in):
    request = AWSRequest(method=method, url=address.origin + address.path(key), params=dict(query), headers=headers)
    botocore.auth.S3SigV4QueryAuth(theirs(mine), "s3", region, expires=expires_in).add_auth(request)
    (moment,) = parse_qs(urlsplit(request.url).query)["X-Amz-Date"]
    signing = Signing(credentials=mine, region=region, now=signed_at(moment))
    url = presign(
        method=method, address=address, key=key, signing=signing, expires_in=expires_in, query=query, headers=headers
    )
    assert url == request.url


@settings(deadline=None)
@given(
    address=addresses,
    key=keys,
    upload_id=texts.filter(bool),
    mine=credentials,
    region=regions,
    parts=st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 5 * 2**30)), min_size=1, max_size=4),
    algorithm=st.none() | st.sampled_from(list(ChecksumAlgorithm)),
)
def test_part_urls_are_botocores(*, address, key, upload_id, mine, region, parts, algorithm):
    def by_botocore(number: int, size: int) -> str:
        request = AWSRequest(
            method="PUT",
            url=address.origin + address.path(key),
            params={"uploadId": upload_id, "partNumber": str(number)},
            headers={"Content-Length": str(size), **({algorithm.header: "c3Vt"} if algorithm else {})},
        )
        botocore.auth.S3SigV4QueryAuth(theirs(mine), "s3", region, expires=77).add_auth(request)
        return str(request.url)

    def by_us(moment: str) -> list[str]:
        signer = PartSigner(
            address=address,
            key=key,
            upload_id=upload_id,
            signing=Signing(credentials=mine, region=region, now=signed_at(moment)),
            expires_in=77,
            checksum_header=algorithm.header if algorithm else None,
        )
        asked = [PartToSign(number, size, "c3Vt" if algorithm else None) for number, size in parts]
        signed = signer.sign(asked)
        assert [(part.part_number, part.size) for part in signed] == parts
        assert all(part.headers == ({algorithm.header: "c3Vt"} if algorithm else {}) for part in signed)
        return [part.url for part in signed]

    for index, (number, size) in enumerate(parts):
        expected = by_botocore(number, size)
        (moment,) = parse_qs(urlsplit(expected).query)["X-Amz-Date"]
        assert by_us(moment)[index] == expected


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE"]),
    address=addresses,
    key=st.just("") | keys,
    query=queries,
    headers=headers,
    mine=credentials,
    region=regions,
    body=st.binary(max_size=50),
)
def test_signed_headers_are_botocores(*, method, address, key, query, headers, mine, region, body):
    path = address.path(key)
    url = address.origin + path + (f"?{query_string(query.items())}" if query else "")
    request = AWSRequest(method=method, url=url, data=body, headers=headers)
    botocore.auth.S3SigV4Auth(theirs(mine), "s3", region).add_auth(request)
    signed = sign_headers(
        method=method,
        path=path,
        query=query.items(),
        headers={**headers, "host": address.host},
        signing=Signing(credentials=mine, region=region, now=signed_at(request.headers["X-Amz-Date"])),
        payload=hashlib.sha256(body).hexdigest(),
    )
    expected = {name.lower(): value for name, value in request.headers.items()}
    assert signed == {**expected, "host": address.host}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        # awscrt, where it is installed, orders the parameters in another way.
        patch.setitem(botocore.auth.AUTH_TYPE_MAPS, "s3v4-query", botocore.auth.S3SigV4QueryAuth)
        yield botocore.session.Session().create_client(
            "s3",
            region_name="eu-west-1",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
            aws_session_token="token+/=",
            config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
        )


ALWAYS = Credentials("AKIDEXAMPLE", "secret", "token+/=")


@settings(deadline=None, max_examples=50)
@given(key=keys, disposition=visible.filter(bool))
def test_downloads_are_those_of_generate_presigned_url(client, key, disposition):
    expected = client.generate_presigned_url(
        "get_object", Params={"Bucket": "bucket", "Key": key, "ResponseContentDisposition": disposition}, ExpiresIn=60
    )
    (moment,) = parse_qs(urlsplit(expected).query)["X-Amz-Date"]
    address = BucketAddress.of("bucket", region="eu-west-1")
    signing = Signing(credentials=ALWAYS, region="eu-west-1", now=signed_at(moment))
    query = {"response-content-disposition": disposition}
    assert presign(method="GET", address=address, key=key, signing=signing, expires_in=60, query=query) == expected


@settings(deadline=None, max_examples=50)
@given(key=keys, number=st.integers(1, 10_000), size=st.integers(0, 2**32))
def test_parts_are_those_of_generate_presigned_url(client, key, number, size):
    expected = client.generate_presigned_url(
        "upload_part",
        Params={"Bucket": "bucket", "Key": key, "UploadId": "upload", "PartNumber": number, "ContentLength": size},
        ExpiresIn=3600,
    )
    (moment,) = parse_qs(urlsplit(expected).query)["X-Amz-Date"]
    signer = PartSigner(
        address=BucketAddress.of("bucket", region="eu-west-1"),
        key=key,
        upload_id="upload",
        signing=Signing(credentials=ALWAYS, region="eu-west-1", now=signed_at(moment)),
        expires_in=3600,
    )
    assert [part.url for part in signer.sign([PartToSign(number, size)])] == [expected]


@pytest.mark.parametrize(
    ("endpoint", "style", "url"),
    [
        (None, None, "https://bucket.s3.eu-west-1.amazonaws.com/k"),
        (None, "path", "https://s3.eu-west-1.amazonaws.com/bucket/k"),
        ("http://127.0.0.1:80", None, "http://127.0.0.1/bucket/k"),
        ("https://s3.example.com:8443/front/", "virtual", "https://bucket.s3.example.com:8443/front/k"),
        ("http://[::1]:9000", None, "http://[::1]:9000/bucket/k"),
    ],
)
def test_where_a_bucket_is(endpoint, style, url):
    address = BucketAddress.of("bucket", region="eu-west-1", endpoint_url=endpoint, style=style)
    assert address.origin + address.path("k") == url


def test_a_dotted_bucket_at_aws_is_reached_in_path_style():
    address = BucketAddress.of("a.b", region="us-east-1")
    assert address.origin + address.path("k") == "https://s3.us-east-1.amazonaws.com/a.b/k"


@pytest.mark.parametrize(
    "endpoint", ["s3.example.com", "ftp://x", "https://", "https://h:99999", "https://user:pass@h", "https://h?x=1"]
)
def test_a_wrong_endpoint_is_named(endpoint):
    with pytest.raises(Misconfigured) as refusal:
        BucketAddress.of("bucket", region="us-east-1", endpoint_url=endpoint)
    assert refusal.value.facts["setting"] == "S3_ENDPOINT_URL"
