"""Settings: what they say, and what is wrong with them in one error that names the setting."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partway.core.events import EventType
from partway.core.limits import Quota
from partway.core.parts import MIB
from partway.core.rates import Rate
from partway.core.webhooks import DEFAULT_TYPES
from partway.errors import Misconfigured
from partway.service.settings import read_settings

SECRET = "a secret of at least thirty-two bytes"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NAMES = [
    "AWS_ACCESS_KEY_ID",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "PARTWAY_API_PREFIX",
    "PARTWAY_CDN_URL",
    "PARTWAY_CLOUDFRONT_KEY_ID",
    "PARTWAY_CLOUDFRONT_PRIVATE_KEY",
    "PARTWAY_CORS_ORIGINS",
    "PARTWAY_DATABASE_URL",
    "PARTWAY_DATA_DIR",
    "PARTWAY_DRAIN_TIME",
    "PARTWAY_GRACE_TIME",
    "PARTWAY_HOOKS",
    "PARTWAY_JWKS_URL",
    "PARTWAY_JWT_AUDIENCE",
    "PARTWAY_JWT_ISSUER",
    "PARTWAY_JWT_SECRET",
    "MAX_FILE_SIZE",
    "PARTWAY_NOTIFICATION_TOKEN",
    "PARTWAY_PRESIGN_API",
    "PARTWAY_PRESIGN_FILE_TYPES",
    "PARTWAY_PRESIGN_KEY_PREFIX",
    "PARTWAY_PRESIGN_PREFIX",
    "PARTWAY_PUBLIC_MAX_AGE",
    "PARTWAY_PUBLIC_URL",
    "PARTWAY_QUOTA_BYTES",
    "PARTWAY_QUOTA_UPLOADS",
    "PARTWAY_RATE_LIMIT",
    "PARTWAY_RATE_LIMIT_STORAGE",
    "PARTWAY_SECRET_KEY",
    "PRESIGNED_URL_EXPIRATION",
    "PARTWAY_TRASH_DAYS",
    "PARTWAY_CHECK_CONTENT",
    "PARTWAY_COMPLETE_VANISHED",
    "PARTWAY_KEEP_ENDED_DAYS",
    "PARTWAY_KEEP_EVENTS_DAYS",
    "PARTWAY_UPKEEP_INTERVAL",
    "PARTWAY_UPLOAD_TTL",
    "PARTWAY_WEBHOOK_ALLOW_PRIVATE",
    "PARTWAY_WEBHOOK_EVENTS",
    "PARTWAY_WEBHOOK_SECRET",
    "PARTWAY_WEBHOOK_URLS",
    "S3_ADDRESSING_STYLE",
    "S3_ALLOWED_EXTENSIONS",
    "S3_ALLOWED_MIME_TYPES",
    "S3_BUCKET_NAME",
    "S3_DOWNLOAD_URL_EXPIRY",
    "S3_ENCRYPT_AT_REST",
    "S3_ENDPOINT_URL",
    "S3_FOLDER_STRUCTURE",
    "S3_KEY_TEMPLATE",
    "S3_MAX_FILE_SIZE_MB",
    "S3_OBJECT_TAGS",
    "S3_PART_SIZE_MB",
    "S3_PRESERVE_FILENAME",
    "S3_PRESIGNED_URL_EXPIRY",
    "S3_PUBLIC_ENDPOINT_URL",
    "S3_READ_TIMEOUT",
    "S3_REGION",
    "S3_SSE_KMS_KEY_ID",
    "S3_STORAGE_CLASS",
    "S3_USE_UUID_PREFIX",
]
BUCKET = {"S3_BUCKET_NAME": "bucket"}
CDN = {**BUCKET, "PARTWAY_CDN_URL": "https://cdn.example/"}
COUNT_WHEN_EMPTY = {"PARTWAY_API_PREFIX", "S3_FOLDER_STRUCTURE"}
WRONG = [
    ("S3_PART_SIZE_MB", ["x", "4", "5121", "-1", "1.5", "5 MB", "9" * 5000]),
    ("S3_MAX_FILE_SIZE_MB", ["x", "-1", "0.5", "9" * 30]),
    ("S3_PRESIGNED_URL_EXPIRY", ["0", "604801", "one hour"]),
    ("S3_DOWNLOAD_URL_EXPIRY", ["0", "604801", "1h"]),
    ("PARTWAY_PUBLIC_MAX_AGE", ["-1", "31536001", "1h"]),
    ("PARTWAY_TRASH_DAYS", ["-1", "36501", "never"]),
    ("PARTWAY_UPKEEP_INTERVAL", ["-1", "often", "604801"]),
    ("PARTWAY_KEEP_ENDED_DAYS", ["-1", "x"]),
    ("PARTWAY_KEEP_EVENTS_DAYS", ["0", "36501", "x"]),
    ("PARTWAY_COMPLETE_VANISHED", ["perhaps"]),
    ("PARTWAY_DRAIN_TIME", ["-1", "3601", "long"]),
    ("PARTWAY_GRACE_TIME", ["-1", "3601", "long"]),
    ("PARTWAY_CHECK_CONTENT", ["perhaps"]),
    ("PARTWAY_UPLOAD_TTL", ["59", "never", "-5", "31536001"]),
    ("S3_ADDRESSING_STYLE", ["auto", "Path"]),
    (
        "S3_KEY_TEMPLATE",
        ["{nope}/{id}", "files/{name}", "{id", "id}", "{}", "{id}/../x", "ü/{id}", "{id!r}"],
    ),
    ("S3_FOLDER_STRUCTURE", ["{nope}", "{id}", "..", "{year", "ü"]),
    ("S3_USE_UUID_PREFIX", ["maybe"]),
    ("S3_PRESERVE_FILENAME", ["maybe"]),
    ("S3_ENCRYPT_AT_REST", ["AES256"]),
    ("S3_SSE_KMS_KEY_ID", ["a key"]),
    ("S3_STORAGE_CLASS", ["standard", "ST ANDARD"]),
    ("S3_OBJECT_TAGS", ["team", "a=b,c", "aws:x=y", "a=&", "a" * 129 + "=b", ",".join(f"{n}=1" for n in range(11))]),
    ("PARTWAY_CDN_URL", ["cdn.example.com", "https://cdn.example.com/?q"]),
    (
        "S3_ENDPOINT_URL",
        ["localhost:8333", "ftp://host", "https://", "http://host:port", "http://[x", "http://h:99999"],
    ),
    ("S3_READ_TIMEOUT", ["0", "301", "soon"]),
    ("S3_PUBLIC_ENDPOINT_URL", ["localhost:8333", "http://h/?q", "http://h/#f", "http://host:port", "http://[x"]),
    ("PARTWAY_PUBLIC_URL", ["files.example.com", "http://a b", "http://h:0"]),
    ("PARTWAY_QUOTA_BYTES", ["x", "-1", "1.5GiB", "5 MB", "5mib", "9" * 30, "9999999TiB", "1 GiB!"]),
    ("PARTWAY_QUOTA_UPLOADS", ["0", "-1", "many", "1.5"]),
    ("PARTWAY_RATE_LIMIT", ["600", "6/week", "0/minute", "x/minute", "6 per minute", "-5/second", "9" * 10 + "/day"]),
    ("PARTWAY_RATE_LIMIT_STORAGE", ["localhost:6379", "http://redis", "redis://", "redis://h:port", "redis://h?x=1"]),
    ("PARTWAY_JWKS_URL", ["file:///etc/passwd", "keys"]),
    ("PARTWAY_API_PREFIX", ["v1", "/v 1", "/a//b", "/v1?x", "/ü"]),
    ("PARTWAY_CORS_ORIGINS", ["example.com", "https://a.example/path", "https://ok.example,nope", "null"]),
    (
        "PARTWAY_WEBHOOK_URLS",
        [
            "app.example.com/hooks",
            "http://app.example.com",
            "ftp://app.example.com",
            "file:///etc/passwd",
            "https://",
            "https://h:0",
            "https://h:port",
            "https://[x",
            "https://app.example.com/#part",
            "https://é.example",
            "https://name:word@app.example.com",
            "https://ok.example, https://localhost",
            "https://app.localhost./",
            "https://127.0.0.1",
            "https://169.254.169.254/latest",
            "https://[::1]:8443",
            "https://[::ffff:10.0.0.1]",
            "https://h/" + "x" * 2000,
        ],
    ),
    ("PARTWAY_WEBHOOK_SECRET", ["short", "whsec_", "whsec_AAAA", "A" * 32, f"{WEBHOOK_SECRET} x", WEBHOOK_SECRET[:-1]]),
    ("PARTWAY_WEBHOOK_EVENTS", ["everything", "upload.completed;file.deleted", "upload"]),
    ("PARTWAY_WEBHOOK_ALLOW_PRIVATE", ["perhaps"]),
    ("PARTWAY_JWT_SECRET", ["short", "x" * 31]),
    ("PARTWAY_SECRET_KEY", ["short", "x" * 31]),
    ("PARTWAY_NOTIFICATION_TOKEN", ["short", "x" * 31]),
    ("PARTWAY_HOOKS", ["hooks", "my app:hooks", "my-app:hooks", "app:", ":hooks", "app:a.b", "a:b:c", "..a:b"]),
]


def test_nothing_set_is_the_embedded_default() -> None:
    settings = read_settings({})
    assert settings.bucket.name is None
    assert not settings.auth.configured
    assert settings.effective_database_url == f"sqlite:///{Path('partway-data/partway.sqlite3').absolute()}"
    assert settings.uploads.part_size == 8 * MIB
    assert settings.uploads.policy.max_file_size is None


def test_empty_is_not_set() -> None:
    assert read_settings(dict.fromkeys(set(NAMES) - COUNT_WHEN_EMPTY, " ")) == read_settings({})


def test_every_setting_arrives() -> None:
    settings = read_settings(
        {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "session",
            "PARTWAY_API_PREFIX": "/api/v2/",
            "PARTWAY_CORS_ORIGINS": "https://a.example, http://localhost:3000/",
            "PARTWAY_DATABASE_URL": "postgresql:///files",
            "PARTWAY_HOOKS": "myapp.files:hooks",
            "PARTWAY_JWT_AUDIENCE": "files",
            "PARTWAY_JWT_ISSUER": "us",
            "PARTWAY_JWT_SECRET": SECRET,
            "PARTWAY_NOTIFICATION_TOKEN": SECRET,
            "PARTWAY_PUBLIC_MAX_AGE": "0",
            "PARTWAY_PUBLIC_URL": "https://files.example/",
            "PARTWAY_SECRET_KEY": SECRET,
            "PARTWAY_TRASH_DAYS": "7",
            "PARTWAY_UPLOAD_TTL": "60",
            "S3_ADDRESSING_STYLE": "path",
            "S3_ALLOWED_EXTENSIONS": ".PDF, mp4,",
            "S3_ALLOWED_MIME_TYPES": "image/*,application/pdf",
            "S3_BUCKET_NAME": "bucket",
            "S3_DOWNLOAD_URL_EXPIRY": "604800",
            "S3_ENDPOINT_URL": "http://store:8333/",
            "S3_KEY_TEMPLATE": "{owner}/{id}",
            "S3_MAX_FILE_SIZE_MB": "100",
            "S3_PART_SIZE_MB": "5",
            "S3_PRESIGNED_URL_EXPIRY": "1",
            "S3_PUBLIC_ENDPOINT_URL": "https://store.example",
            "S3_REGION": "eu-central-1",
            "AWS_REGION": "not heeded",
        },
        data_dir=Path("/data"),
    )
    assert settings.data_dir == Path("/data")
    assert settings.effective_database_url == "postgresql:///files"
    assert settings.api_prefix == "/api/v2"
    assert settings.public_url == "https://files.example"
    assert (settings.hooks, settings.notification_token) == ("myapp.files:hooks", SECRET)
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert (settings.download_expiry, settings.public_max_age) == (604_800, 0)
    assert settings.upkeep.keep_trash == timedelta(days=7)
    assert (settings.uploads.part_size, settings.uploads.url_expiry, settings.uploads.upload_ttl) == (5 * MIB, 1, 60)
    assert settings.uploads.key_template.template == "{owner}/{id}"
    assert settings.uploads.policy.max_file_size == 100 * MIB
    assert settings.uploads.policy.allowed_extensions == {"pdf", "mp4"}
    assert settings.uploads.policy.allowed_content_types == {"image/*", "application/pdf"}
    assert (settings.bucket.name, settings.bucket.region, settings.bucket.addressing_style) == (
        "bucket",
        "eu-central-1",
        "path",
    )
    assert (settings.bucket.endpoint_url, settings.bucket.public_endpoint_url) == (
        "http://store:8333",
        "https://store.example",
    )
    assert (settings.bucket.access_key, settings.bucket.secret_key, settings.bucket.session_token) == (
        "key",
        "secret",
        "session",
    )
    assert (settings.auth.jwt_secret, settings.auth.issuer, settings.auth.audience) == (SECRET, "us", "files")


def test_trash_may_be_kept_for_ever() -> None:
    assert read_settings({}).upkeep.keep_trash == timedelta(days=30)
    assert read_settings({"PARTWAY_TRASH_DAYS": "0"}).upkeep.keep_trash is None


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG for value in values])
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        read_settings({"S3_BUCKET_NAME": "bucket", name: value})
    assert refusal.value.facts["setting"] == name
    assert "\n" not in refusal.value.detail


@pytest.mark.parametrize(
    ("environment", "setting"),
    [
        ({"AWS_ACCESS_KEY_ID": "key"}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_SECRET_ACCESS_KEY": "secret"}, "AWS_ACCESS_KEY_ID"),
        ({"PARTWAY_JWT_SECRET": SECRET, "PARTWAY_JWKS_URL": "https://issuer.example/keys"}, "PARTWAY_JWKS_URL"),
        ({"S3_KEY_TEMPLATE": "{id}", "S3_USE_UUID_PREFIX": "true"}, "S3_KEY_TEMPLATE"),
        ({"S3_KEY_TEMPLATE": "{id}", "S3_FOLDER_STRUCTURE": ""}, "S3_KEY_TEMPLATE"),
        ({"S3_STORAGE_CLASS": "STANDARD_IA"}, "S3_STORAGE_CLASS"),
        ({"S3_OBJECT_TAGS": "a=b"}, "S3_OBJECT_TAGS"),
        ({"S3_SSE_KMS_KEY_ID": "alias/files"}, "S3_SSE_KMS_KEY_ID"),
        ({"PARTWAY_CDN_URL": "https://cdn.example"}, "PARTWAY_CDN_URL"),
        ({**BUCKET, "S3_SSE_KMS_KEY_ID": "k", "S3_ENCRYPT_AT_REST": "false"}, "S3_ENCRYPT_AT_REST"),
        ({**CDN, "PARTWAY_CLOUDFRONT_KEY_ID": "K1"}, "PARTWAY_CLOUDFRONT_PRIVATE_KEY"),
        ({**CDN, "PARTWAY_CLOUDFRONT_PRIVATE_KEY": "k.pem"}, "PARTWAY_CLOUDFRONT_KEY_ID"),
        (
            {**BUCKET, "PARTWAY_CLOUDFRONT_KEY_ID": "K1", "PARTWAY_CLOUDFRONT_PRIVATE_KEY": "k.pem"},
            "PARTWAY_CDN_URL",
        ),
    ],
)
def test_what_does_not_go_together_is_named(environment: dict[str, str], setting: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        read_settings(environment)
    assert refusal.value.facts["setting"] == setting


@pytest.mark.parametrize(
    ("environment", "template"),
    [
        ({}, "files/{folder}/{year}/{month}/{day}/{id}_{name}"),
        ({"S3_USE_UUID_PREFIX": "true"}, "{folder}/{year}/{month}/{day}/{id}_{name}"),
        ({"S3_USE_UUID_PREFIX": "false"}, "{folder}/{year}/{month}/{day}/{timestamp}_{name}"),
        ({"S3_PRESERVE_FILENAME": "false"}, "{folder}/{year}/{month}/{day}/{id}{extension}"),
        ({"S3_FOLDER_STRUCTURE": ""}, "{folder}/{id}_{name}"),
        ({"S3_FOLDER_STRUCTURE": "", "S3_USE_UUID_PREFIX": "false"}, "{folder}/{name}"),
        ({"S3_FOLDER_STRUCTURE": "f/{folder}/{hash}"}, "f/{folder}/{hash}/{id}_{name}"),
    ],
)
def test_the_plain_settings_of_keys(environment: dict[str, str], template: str) -> None:
    assert read_settings(environment).uploads.key_template.template == template


def test_how_objects_are_kept_and_where_they_are_downloaded() -> None:
    settings = read_settings(
        {
            **CDN,
            "PARTWAY_CLOUDFRONT_KEY_ID": "K1",
            "PARTWAY_CLOUDFRONT_PRIVATE_KEY": "/run/key.pem",
            "S3_ENCRYPT_AT_REST": "true",
            "S3_STORAGE_CLASS": "STANDARD_IA",
            "S3_OBJECT_TAGS": "team=media, env=prod",
        }
    )
    options = settings.bucket.options
    assert (options.encrypt_at_rest, options.kms_key_id, options.storage_class) == (True, None, "STANDARD_IA")
    assert options.tags == {"team": "media", "env": "prod"}
    assert settings.cdn is not None
    assert (settings.cdn.url, settings.cdn.key_id) == ("https://cdn.example", "K1")
    assert "key.pem" not in repr(settings)
    assert read_settings({**BUCKET, "S3_SSE_KMS_KEY_ID": "alias/files"}).bucket.options.kms_key_id == "alias/files"


ON = {"PARTWAY_PRESIGN_API": "true"}


def test_the_stateless_api_is_off_until_it_is_asked_for() -> None:
    assert read_settings({}).presign is None
    assert read_settings({"PARTWAY_PRESIGN_API": "off"}).presign is None
    presign = read_settings({**ON, "S3_MAX_FILE_SIZE_MB": "2", "S3_ALLOWED_EXTENSIONS": "pdf"}).presign
    assert presign is not None
    assert (presign.prefix, presign.rules.prefix, presign.rules.url_expiry) == ("", "uploads/", 600)
    assert presign.rules.policy.max_file_size == 2 * MIB
    assert presign.rules.policy.allowed_extensions == {"pdf"}
    assert presign.rules.file_types is None


def test_the_stateless_api_has_limits_of_its_own() -> None:
    presign = read_settings(
        {
            **ON,
            "PARTWAY_PRESIGN_PREFIX": "/direct/",
            "PARTWAY_PRESIGN_KEY_PREFIX": "direct/uploads",
            "PARTWAY_PRESIGN_FILE_TYPES": ".jpg=image/jpeg, PDF=application/pdf,",
            "PRESIGNED_URL_EXPIRATION": "60",
            "MAX_FILE_SIZE": "52428800",
            "S3_MAX_FILE_SIZE_MB": "2",
        }
    ).presign
    assert presign is not None
    assert presign.prefix == "/direct"
    assert presign.rules.keys.prefix == "direct/uploads/"
    assert presign.rules.file_types == {".jpg": "image/jpeg", ".pdf": "application/pdf"}
    assert (presign.rules.url_expiry, presign.rules.policy.max_file_size) == (60, 52_428_800)


@pytest.mark.parametrize(
    ("environment", "setting"),
    [
        ({"PARTWAY_PRESIGN_API": "perhaps"}, "PARTWAY_PRESIGN_API"),
        ({**ON, "PARTWAY_API_PREFIX": "", "PARTWAY_PRESIGN_PREFIX": "/"}, "PARTWAY_PRESIGN_PREFIX"),
        ({**ON, "PARTWAY_PRESIGN_PREFIX": "/v1"}, "PARTWAY_PRESIGN_PREFIX"),
        ({**ON, "PARTWAY_PRESIGN_KEY_PREFIX": "/up"}, "PARTWAY_PRESIGN_KEY_PREFIX"),
        ({**ON, "PARTWAY_PRESIGN_KEY_PREFIX": "files/"}, "PARTWAY_PRESIGN_KEY_PREFIX"),
        ({**ON, "PARTWAY_PRESIGN_KEY_PREFIX": "files/direct"}, "PARTWAY_PRESIGN_KEY_PREFIX"),
        ({**ON, "S3_KEY_TEMPLATE": "uploads/{id}"}, "PARTWAY_PRESIGN_KEY_PREFIX"),
        ({**ON, "S3_KEY_TEMPLATE": "{folder}/{id}"}, "PARTWAY_PRESIGN_KEY_PREFIX"),
        ({**ON, "PARTWAY_PRESIGN_FILE_TYPES": "pdf"}, "PARTWAY_PRESIGN_FILE_TYPES"),
        ({**ON, "PARTWAY_PRESIGN_FILE_TYPES": ".pdf=pdf"}, "PARTWAY_PRESIGN_FILE_TYPES"),
        ({**ON, "PRESIGNED_URL_EXPIRATION": "0"}, "PRESIGNED_URL_EXPIRATION"),
        ({**ON, "MAX_FILE_SIZE": "50MB"}, "MAX_FILE_SIZE"),
    ],
)
def test_what_is_wrong_with_the_stateless_api_is_named(environment: dict[str, str], setting: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        read_settings(environment)
    assert refusal.value.facts["setting"] == setting


def test_limits() -> None:
    assert read_settings({}).uploads.quota == Quota()
    assert read_settings({}).rate is None
    settings = read_settings(
        {
            "PARTWAY_QUOTA_BYTES": "10 GiB",
            "PARTWAY_QUOTA_UPLOADS": "20",
            "PARTWAY_RATE_LIMIT": "600/minute",
            "PARTWAY_RATE_LIMIT_STORAGE": "redis://:secret@redis.example:6379/0",
        }
    )
    assert settings.uploads.quota == Quota(bytes=10 * 1024**3, uploads=20)
    assert settings.rate == Rate(600, 60)
    assert settings.rate_storage == "redis://:secret@redis.example:6379/0"
    assert read_settings({"PARTWAY_QUOTA_BYTES": "0"}).uploads.quota.bytes == 0
    for text, size in (("1234", 1234), ("2KiB", 2048), ("3MiB", 3 * MIB), ("1TiB", 1024**4)):
        assert read_settings({"PARTWAY_QUOTA_BYTES": text}).uploads.quota.bytes == size


def test_the_other_names_of_the_bucket_and_its_keys() -> None:
    bucket = read_settings({"AWS_BUCKET_NAME": "b", "AWS_ACCESS_KEY": "k", "AWS_SECRET_KEY": "s"}).bucket
    assert (bucket.name, bucket.access_key, bucket.secret_key) == ("b", "k", "s")


def test_webhooks() -> None:
    assert read_settings({"PARTWAY_WEBHOOK_SECRET": WEBHOOK_SECRET}).webhooks is None
    settings = read_settings(
        {
            "PARTWAY_WEBHOOK_URLS": "https://a.example/hooks?key=1, https://8.8.8.8\nhttps://a.example/hooks?key=1",
            "PARTWAY_WEBHOOK_SECRET": f"{WEBHOOK_SECRET} whsec_{'A' * 32}",
        }
    ).webhooks
    assert settings is not None
    assert settings.urls == ("https://a.example/hooks?key=1", "https://8.8.8.8")
    assert [len(secret) for secret in settings.secrets] == [24, 24]
    assert (settings.types, settings.allow_private) == (DEFAULT_TYPES, False)
    assert "MfKQ" not in repr(settings)
    private = {
        "PARTWAY_WEBHOOK_URLS": "http://127.0.0.1:8080",
        "PARTWAY_WEBHOOK_ALLOW_PRIVATE": "true",
        "PARTWAY_WEBHOOK_EVENTS": "file.deleted upload.initiated",
    }
    settings = read_settings({**private, "PARTWAY_WEBHOOK_SECRET": WEBHOOK_SECRET}).webhooks
    assert settings is not None
    assert settings.types == {EventType.DELETED, EventType.INITIATED}
    with pytest.raises(Misconfigured) as refusal:
        read_settings(private)
    assert refusal.value.facts["setting"] == "PARTWAY_WEBHOOK_SECRET"


def test_no_secret_is_repeated_in_an_error() -> None:
    with pytest.raises(Misconfigured) as refusal:
        read_settings({"PARTWAY_JWT_SECRET": "hunter2"})
    assert "hunter2" not in refusal.value.detail


ANY_VALUE = st.one_of(
    st.text(),
    st.integers().map(str),
    st.from_regex(r"https?://[a-z\[\]:@%0-9.]*(/[a-z?#]*)?", fullmatch=True),
    st.lists(st.sampled_from(["{", "}", "{{", "{id}", "{name}", "{owner}", "!r", ":9", "/", "..", ".", "a"])).map(
        "".join
    ),
)


@given(st.dictionaries(st.sampled_from(NAMES), ANY_VALUE))
@example({"S3_KEY_TEMPLATE": "{id:>99999999999}"})
@example({"S3_KEY_TEMPLATE": "{id.hex}"})
@example({"S3_KEY_TEMPLATE": "{id[0]}"})
def test_settings_are_taken_or_refused_and_nothing_else_happens(environment: dict[str, str]) -> None:
    with contextlib.suppress(Misconfigured):
        read_settings(environment)
