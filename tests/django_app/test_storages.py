"""Where files lie: the project's storages, its `AWS_…` settings, the disk, or a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client, override_settings
from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]

from partway.core.blocking import run_straight
from partway.core.file import Caller
from partway.core.parts import MIB
from partway.django.buckets import BucketPlace
from partway.django.conf import configuration
from partway.django.models import File
from partway.django.storages import DiskPlace, place
from partway.django.stories import stories
from partway.django.testing import make_file
from partway.stores.local import BlockingLocalStore
from partway.stores.memory import MemoryStore
from tests.django_app.models import User
from tests.django_app.with_storages import with_storages
from tests.servers.seaweedfs import SeaweedFS

CONTENT = bytes(range(256)) * 4096 * 6  # 6 MiB: two parts
KEYS = {"access_key": "AK", "secret_key": "secret", "bucket_name": "b"}
S3 = "storages.backends.s3.S3Storage"


class MediaStorage(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """A storage of the project's own, as they are often written."""

    location = "media/uploads"
    default_acl = "bucket-owner-full-control"


def storage(backend: str, **options: Any) -> AbstractContextManager[None]:
    """Settings with a default storage."""
    return with_storages(default={"BACKEND": backend, "OPTIONS": options})


def bucket(**options: Any) -> BucketPlace:
    """The bucket of a storage with these options."""
    with storage(S3, **{**KEYS, **options}):
        found = place()
    assert isinstance(found, BucketPlace)
    return found


def options_of(seaweedfs: SeaweedFS) -> dict[str, Any]:
    """What a storage is told of a real, empty bucket."""
    return {
        "bucket_name": seaweedfs.new_bucket(),
        "endpoint_url": seaweedfs.endpoint,
        "access_key": seaweedfs.access_key,
        "secret_key": seaweedfs.secret_key,
        "region_name": seaweedfs.region,
    }


@pytest.mark.parametrize(
    ("backend", "location"),
    [(S3, "tenant-1"), ("storages.backends.s3boto3.S3Boto3Storage", ""), (f"{__name__}.MediaStorage", "media/uploads")],
)
def test_an_upload_goes_into_the_bucket_of_the_storage(
    backend: str, location: str, seaweedfs: SeaweedFS, default_database: None
) -> None:
    options = options_of(seaweedfs)
    if backend == S3:
        options["location"] = "tenant-1/"
    with storage(backend, **options), override_settings(PARTWAY={}):
        client = Client(SERVER_NAME="localhost")
        client.force_login(User.objects.get_or_create(name="ann")[0])
        new = {"file_name": "a.bin", "file_size": len(CONTENT), "num_parts": 2, "part_size": 5 * MIB}
        begun = client.post("/v1/files/uploads", {**new, "file_content_type": ""}, "application/json").json()
        for part in begun["presigned_urls"]:
            first = (part["part_number"] - 1) * 5 * MIB
            sent = requests.put(part["url"], data=CONTENT[first : first + 5 * MIB], timeout=60)
            assert sent.status_code == 200, sent.text
        assert client.post(f"/v1/files/uploads/{begun['id']}/complete", {}, "application/json").status_code == 200
        key = File.objects.get(pk=begun["id"]).key
        assert key.startswith(f"{location}/files/" if location else "files/")
        with storages["default"].open(key.removeprefix(location).lstrip("/")) as file:
            assert file.read() == CONTENT
        run_straight(stories().files.delete(begun["id"], caller=Caller(id="ann"), hard=True))
        assert not storages["default"].exists(key.removeprefix(location).lstrip("/"))


def test_aws_settings_alone_name_a_bucket(seaweedfs: SeaweedFS, default_database: None) -> None:
    options = options_of(seaweedfs)
    aws = {
        "AWS_STORAGE_BUCKET_NAME": options["bucket_name"],
        "AWS_S3_ENDPOINT_URL": options["endpoint_url"],
        "AWS_ACCESS_KEY_ID": options["access_key"],
        "AWS_SECRET_ACCESS_KEY": options["secret_key"],
        "AWS_LOCATION": "here",
        "AWS_S3_OBJECT_PARAMETERS": {"StorageClass": "STANDARD_IA"},
    }
    with override_settings(PARTWAY={}, **aws):
        file = make_file(b"hello")
        assert file.key.startswith("here/files/")
        stored = run_straight(configuration().store.head(file.key))
        assert stored is not None
        assert stored.storage_class == "STANDARD_IA"


def test_a_storage_that_is_named_decides_alone(tmp_path: Path) -> None:
    aws = {"AWS_STORAGE_BUCKET_NAME": "b", "AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "secret"}
    disk = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    both = {"default": disk, "big": {"BACKEND": S3, "OPTIONS": {**KEYS, "bucket_name": "big"}}}
    with with_storages(**both), override_settings(**aws):
        for named, expected in {None: "b", "big": "big", "default": None}.items():
            with override_settings(PARTWAY={"STORAGE": named}):
                found = place()
                assert (found.settings.bucket if isinstance(found, BucketPlace) else None) == expected
        assert found == DiskPlace(root=tmp_path / "partway")
        with override_settings(PARTWAY={"STORAGE": "other"}), pytest.raises(ImproperlyConfigured, match="no 'other'"):
            place()


def test_everything_of_a_storage_that_means_something_is_taken() -> None:
    found = bucket(
        region_name="eu-central-1",
        security_token="token",
        addressing_style="virtual",
        object_parameters={"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k", "StorageClass": "GLACIER_IR"},
        default_acl="bucket-owner-full-control",
    )
    settings = found.settings
    assert (settings.region, settings.session_token, settings.style) == ("eu-central-1", "token", "virtual")
    assert settings.options.headers == {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "k",
        "x-amz-storage-class": "GLACIER_IR",
        "x-amz-acl": "bucket-owner-full-control",
    }
    assert found.unused == ()


def test_partway_says_more_than_the_storage() -> None:
    own = {"ENCRYPT_AT_REST": True, "STORAGE_CLASS": "STANDARD_IA", "OBJECT_TAGS": {"a": "b"}, "READ_TIMEOUT": 20}
    with override_settings(PARTWAY=own):
        settings = bucket(object_parameters={"StorageClass": "GLACIER_IR", "Tagging": "x=y"}).settings
    assert settings.options.headers == {
        "x-amz-server-side-encryption": "AES256",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-tagging": "a=b",
    }
    assert settings.read_timeout == 20


@pytest.mark.parametrize(
    ("parameters", "headers"),
    [
        ({"ServerSideEncryption": "AES256"}, {"x-amz-server-side-encryption": "AES256"}),
        (
            {"ServerSideEncryption": "aws:kms"},
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "alias/aws/s3",
            },
        ),
        ({"Tagging": "team=media&cost%20centre=7"}, {"x-amz-tagging": "team=media&cost%20centre=7"}),
        ({"ACL": "private"}, {"x-amz-acl": "private"}),
        ({"ACL": "public-read"}, {}),
    ],
)
def test_object_parameters(parameters: dict[str, str], headers: dict[str, str]) -> None:
    assert bucket(object_parameters=parameters).settings.options.headers == headers


def test_what_a_storage_says_and_we_do_not_do_is_named() -> None:
    found = bucket(object_parameters={"CacheControl": "max-age=1"}, default_acl="public-read", verify=False)
    assert [each.partition(" (")[0] for each in found.unused] == [
        "verify",
        "default_acl 'public-read'",
        "object parameter CacheControl",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bucket_name": None}, "no bucket"),
        ({"secret_key": None}, "belong together"),
        ({"addressing_style": "sideways"}, "sideways"),
        ({"object_parameters": {"ServerSideEncryption": "aws:kms:dsse"}}, "ServerSideEncryption"),
        ({"object_parameters": {"SSECustomerKey": "k"}}, "another way"),
        ({"default_acl": "Mine!"}, "default_acl|ACL"),
        ({"location": "a b"}, "location is 'a b'"),
        ({"endpoint_url": "s3.example.com"}, "AWS_S3_ENDPOINT_URL"),
        ({"session_profile": "nobody", "access_key": None, "secret_key": None}, "nobody"),
        ({"no_such_option": 1}, "no_such_option"),
    ],
)
def test_what_cannot_be_is_named(options: dict[str, Any], said: str) -> None:
    with (
        storage(S3, **{**KEYS, **options}),
        override_settings(PARTWAY={}),
        pytest.raises(ImproperlyConfigured, match=said),
    ):
        configuration()


def test_a_profile_gives_keys_and_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-3\naws_access_key_id = PK\n")
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = PK\naws_secret_access_key = ps\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    by_profile = {"bucket_name": "b", "session_profile": "work"}
    with storage(S3, **by_profile), override_settings(PARTWAY={}):
        signed = run_straight(
            configuration().store.sign_download("a", expires_in=60, content_type="", disposition="")
        ).url
    assert "PK%2F" in signed
    assert ".eu-west-3." in signed


def test_a_domain_is_used_with_the_keys_of_cloudfront_alone(default_database: None, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    domain = {"custom_domain": "cdn.example.com", "location": "media"}
    assert bucket(**domain).cdn is None
    signing = bucket(**domain, cloudfront_key_id="K1", cloudfront_key=pem).cdn
    assert signing is not None
    assert (signing.url, signing.key_id, signing.private_key) == ("https://cdn.example.com", "K1", pem)
    with override_settings(PARTWAY={"CDN_URL": "https://own.example.com/"}):
        own = bucket(**domain, cloudfront_key_id="K1", cloudfront_key=pem).cdn
    assert own is not None
    assert (own.url, own.key_id) == ("https://own.example.com", None)


def test_files_are_downloaded_from_the_cdn(seaweedfs: SeaweedFS, default_database: None) -> None:
    with storage(S3, **options_of(seaweedfs)), override_settings(PARTWAY={"CDN_URL": "https://cdn.example.com"}):
        file = make_file(b"hello", is_public=True)
        url = run_straight(stories().files.presigned_url(file.pk, caller=Caller(id=""))).url
    assert urlsplit(url).netloc == "cdn.example.com"
    assert urlsplit(url).path == f"/{file.key}"


def test_a_disk_storage_has_its_files_beside_our_own(tmp_path: Path, default_database: None) -> None:
    with (
        storage("django.core.files.storage.FileSystemStorage", location=str(tmp_path)),
        override_settings(PARTWAY={}),
    ):
        file = make_file(b"hello")
        storages["default"].save("a.txt", ContentFile(b"other"))
        assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "partway"}
        assert (tmp_path / "partway").stat().st_mode & 0o077 == 0
        assert run_straight(configuration().store.head(file.key)) is not None
    with override_settings(PARTWAY={"LOCAL_ROOT": str(tmp_path / "else" / "where")}):
        make_file(b"hello")
        assert (tmp_path / "else" / "where" / "objects").is_dir()


@contextmanager
def own_store(make: Any) -> Iterator[None]:
    """A store that the project makes."""
    with override_settings(PARTWAY={"STORE": make}):
        yield


def test_a_store_of_the_project_itself(default_database: None) -> None:
    memory = MemoryStore()
    with own_store(lambda: memory):
        file = make_file(b"hello")
        assert run_straight(memory.head(file.key)) is not None
    with own_store("partway.django.storages.local_disk"):
        assert isinstance(configuration().local, BlockingLocalStore)
    with own_store(dict), pytest.raises(ImproperlyConfigured, match="made a dict, which is no store: it has no abort"):
        configuration()
