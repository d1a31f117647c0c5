"""Downloads by the CDN: of every file if we can sign for it, else of public files alone."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.acceptance.api import Api
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import Service

CDN_URL = "https://cdn.example.com"


@pytest.mark.parametrize("with_key", [True, False])
def test_where_downloads_are_sent(seaweedfs: SeaweedFS, tmp_path: Path, *, with_key: bool) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    env = {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "PARTWAY_CDN_URL": CDN_URL,
    }
    if with_key:
        env |= {"PARTWAY_CLOUDFRONT_KEY_ID": "K1", "PARTWAY_CLOUDFRONT_PRIVATE_KEY": str(path)}
    with Service(tmp_path / "data", env=env) as service:
        api = Api(service.url)
        for is_public in (True, False):
            file = api.upload(b"abc", file_name="a.txt", file_content_type="text/plain", is_public=is_public)
            url = api("GET", f"/files/{file['id']}/presigned-url").json()["url"]
            location = api("GET", f"/files/{file['id']}/download", params={"redirect": "true"}).headers["Location"]
            query = parse_qs(urlsplit(url).query)
            assert query["response-content-disposition"] == ['inline; filename="a.txt"']
            assert query["response-content-type"] == ["text/plain"]
            for each in (url, location):
                begins = f"{CDN_URL}/{file['s3_key']}?" if with_key or is_public else f"{seaweedfs.endpoint}/"
                assert each.startswith(begins)
                assert ("Key-Pair-Id=K1" in each) == with_key
