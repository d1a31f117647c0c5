"""The check of presigned requests takes what was signed and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partway.core.ports import PartToSign
from partway.s3.address import BucketAddress
from partway.s3.credentials import Credentials
from partway.s3.part_signer import PartSigner
from partway.s3.sigv4 import PresignedRefused, Signing, presign, verify_presigned

NOW = datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)
MINE = Credentials("AKIDEXAMPLE", "secret")
ADDRESS = BucketAddress.of("bucket", region="us-east-1", endpoint_url="http://store:9000")
SIGNING = Signing(credentials=MINE, region="us-east-1", now=NOW)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def signed_url(key: str = "a key", *, expires_in: int = 60, signing: Signing = SIGNING, **query: str) -> str:
    return presign(
        method="PUT",
        address=ADDRESS,
        key=key,
        signing=signing,
        expires_in=expires_in,
        query=query,
        headers={"content-length": "5"},
    )


def verify(url: str, *, now: datetime = NOW, method: str = "PUT", host: str | None = None, **headers: str):
    parts = urlsplit(url)
    sent = {"host": "store:9000", "content-length": "5", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return verify_presigned(
        method=method,
        raw_path=parts.path,
        raw_query=parts.query,
        headers=sent,
        credentials=MINE,
        region="us-east-1",
        now=now,
        host=host,
    )


def refusal(url: str, **changed) -> tuple[str, str]:
    with pytest.raises(PresignedRefused) as refused:
        verify(url, **changed)
    return refused.value.code, refused.value.message


@given(key=texts, value=texts, at=st.integers(-60, 60))
def test_what_was_signed_is_taken_and_its_parameters_come_back(key, value, at):
    assert verify(signed_url(key, uploadId=value), now=NOW + timedelta(seconds=at)) == {"uploadId": value}


@given(texts, st.integers(1, 10_000), st.integers(0, 2**40))
def test_signed_parts_are_taken(upload_id, number, size):
    signer = PartSigner(address=ADDRESS, key="k", upload_id=upload_id, signing=SIGNING, expires_in=9)
    (part,) = signer.sign([PartToSign(number, size)])
    terms = verify(part.url, content_length=str(size))
    assert terms == {"uploadId": upload_id, "partNumber": str(number)}


@given(data=st.data())
def test_no_other_character_anywhere_in_the_url_is_taken(data):
    url = signed_url(uploadId="upload/1", partNumber="2")
    start = len(ADDRESS.origin)
    index = data.draw(st.integers(start, len(url) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="%#[]" + url[index]))
    with pytest.raises(PresignedRefused):
        verify(url[:index] + other + url[index + 1 :])


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=200))
def test_any_query_is_refused_and_none_breaks_the_check(query):
    with pytest.raises(PresignedRefused):
        verify(f"http://store:9000/bucket/k?{quote(query, safe='%&=+/')}")


def test_the_host_may_be_given():
    assert verify(signed_url(uploadId="u"), host="store:9000") == {"uploadId": "u"}
    assert refusal(signed_url(), host="other:9000")[0] == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"content_length": "6"}, "SignatureDoesNotMatch"),
        ({"method": "GET"}, "SignatureDoesNotMatch"),
        ({"now": NOW + timedelta(seconds=61)}, "AccessDenied"),
        ({"now": NOW - timedelta(minutes=16)}, "AccessDenied"),
        ({"x_amz_meta_owner": "me"}, "AccessDenied"),
    ],
)
def test_another_request_than_was_signed_is_refused(changed, code):
    assert refusal(signed_url(), **changed)[0] == code


def test_an_expired_url_says_so():
    assert refusal(signed_url(expires_in=1), now=NOW + timedelta(seconds=2))[1] == "Request has expired"


def test_a_url_that_lives_longer_than_a_week_is_refused():
    assert verify(signed_url(expires_in=604800)) == {}
    assert refusal(signed_url(expires_in=604801))[0] == "AuthorizationQueryParametersError"


@pytest.mark.parametrize("name", ["X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "uploadId", "X-Amz-SignedHeaders"])
def test_a_parameter_given_twice_is_refused(name):
    url = signed_url(uploadId="u")
    value = url.partition(f"{name}=")[2].partition("&")[0]
    assert refusal(f"{url}&{name}={value}")[0] == "AuthorizationQueryParametersError"


@pytest.mark.parametrize("missing", ["X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"])
def test_an_unsigned_url_is_refused(missing):
    before, _, after = signed_url().partition(f"&{missing}=")
    assert refusal(f"{before}&{after.partition('&')[2]}")[0] == "AccessDenied"


def test_a_header_that_was_signed_must_be_sent():
    parts = urlsplit(signed_url())
    with pytest.raises(PresignedRefused, match="not sent"):
        verify_presigned(
            method="PUT",
            raw_path=parts.path,
            raw_query=parts.query,
            headers={"host": "store:9000"},
            credentials=MINE,
            region="us-east-1",
            now=NOW,
        )


@pytest.mark.parametrize(
    "signing", [replace(SIGNING, region="eu-west-1"), replace(SIGNING, credentials=Credentials("B", "s"))]
)
def test_anothers_signature_is_refused(signing):
    assert refusal(signed_url(signing=signing))[0] == "AuthorizationQueryParametersError"


def test_a_wrong_secret_is_refused():
    forged = replace(SIGNING, credentials=Credentials("AKIDEXAMPLE", "guess"))
    assert refusal(signed_url(signing=forged))[0] == "SignatureDoesNotMatch"


def test_secrets_are_not_shown():
    credentials = Credentials("AKIDEXAMPLE", "hush", "hushhush")
    assert "hush" not in repr(credentials)
    assert "hush" not in repr(replace(SIGNING, credentials=credentials))
