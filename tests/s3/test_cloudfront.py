"""CloudFront's signed URLs beside botocore's, and who gets one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from partway.core.blocking import run_straight
from partway.core.disposition import present
from partway.core.ports import SignedUrl
from partway.errors import Misconfigured
from partway.service.settings import read_settings
from partway.service.wiring import wire_up
from partway.stores.cloudfront import CloudFront

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
URL = "https://d111111abcdef8.cloudfront.net"
KEY_ID = "K2JCJMDEHXQW5F"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Stopped:
    """A clock that stands still."""

    def now(self) -> datetime:
        """The one moment."""
        return NOW


def signed(cdn: CloudFront, *, key: str = "a/b.pdf", name: str = "b.pdf", is_public: bool = False) -> SignedUrl | None:
    shown = present(name, "application/pdf")
    return run_straight(
        cdn.sign_download(
            key, expires_in=60, is_public=is_public, content_type=shown.content_type, disposition=shown.disposition
        )
    )


CDN = CloudFront(URL, key_id=KEY_ID, private_key=pem(RSA_KEY), clock=Stopped())
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=99)


@given(st.from_regex(r"[A-Za-z0-9._-]{1,20}(/[A-Za-z0-9._-]{1,20}){0,3}", fullmatch=True), NAMES)
def test_a_signed_url_is_botocores(key: str, name: str) -> None:
    ours = signed(CDN, key=key, name=name)
    assert ours is not None
    assert ours.expires_in == 60
    plain = ours.url.partition("&Expires=")[0]
    theirs = CloudFrontSigner(KEY_ID, lambda message: RSA_KEY.sign(message, PKCS1v15(), SHA1()))
    assert ours.url == theirs.generate_presigned_url(plain, date_less_than=NOW + timedelta(seconds=60))
    query = parse_qs(urlsplit(ours.url).query, strict_parsing=True)
    shown = present(name, "application/pdf")
    assert query["response-content-disposition"] == [shown.disposition]
    assert query["response-content-type"] == [shown.content_type]


def test_without_a_key_only_public_files_have_urls() -> None:
    plain = CloudFront(f"{URL}/files/")
    assert signed(plain) is None
    public = signed(plain, is_public=True)
    assert public is not None
    assert public.url.startswith(f"{URL}/files/a/b.pdf?response-content-disposition=")
    assert "Signature" not in public.url


def test_a_key_is_text_a_line_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(pem(RSA_KEY))
    texts = [pem(RSA_KEY), pem(RSA_KEY).replace("\n", "\\n"), str(path)]
    for text in texts:
        assert signed(CloudFront(URL, key_id=KEY_ID, private_key=text, clock=Stopped())) == signed(CDN)


@pytest.mark.parametrize(
    "text", ["/nowhere/key.pem", "-----BEGIN nothing", pem(ec.generate_private_key(ec.SECP256R1()))]
)
def test_a_key_that_cannot_sign_stops_the_start(text: str, tmp_path: Path) -> None:
    settings = read_settings(
        {
            "S3_BUCKET_NAME": "b",
            "AWS_ACCESS_KEY_ID": "AK",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "PARTWAY_CDN_URL": URL,
            "PARTWAY_CLOUDFRONT_KEY_ID": KEY_ID,
            "PARTWAY_CLOUDFRONT_PRIVATE_KEY": text,
        },
        data_dir=tmp_path,
    )
    with pytest.raises(Misconfigured) as refused:
        wire_up(settings)
    assert refused.value.facts["setting"] == "PARTWAY_CLOUDFRONT_PRIVATE_KEY"
    assert "BEGIN" not in refused.value.detail
