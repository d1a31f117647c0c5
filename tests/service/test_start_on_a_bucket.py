"""What the start says of a bucket that does not keep objects as the settings ask, and of a disk that cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from partway.core.blocking import run_straight
from partway.service.settings import read_settings
from partway.service.wiring import prepare
from partway.stores.s3 import S3Store
from tests.servers.seaweedfs import SeaweedFS


def doubt(data_dir: Path, environment: dict[str, str]) -> str | None:
    return asyncio.run(prepare(read_settings(environment, data_dir=data_dir)))


@pytest.fixture
def bucket(seaweedfs: SeaweedFS) -> dict[str, str]:
    return {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }


def test_options_that_the_store_takes_leave_no_doubt_and_nothing_else(
    seaweedfs: SeaweedFS, bucket: dict[str, str], tmp_path: Path
) -> None:
    options = {"S3_ENCRYPT_AT_REST": "true", "S3_STORAGE_CLASS": "STANDARD_IA", "S3_OBJECT_TAGS": "a=b"}
    assert doubt(tmp_path, bucket | options) is None
    store = S3Store.connect_blocking(seaweedfs.settings(bucket["S3_BUCKET_NAME"]))
    assert not run_straight(store.list_uploads("")).uploads
    assert not run_straight(store.list_objects("")).objects
    run_straight(store.aclose())


def test_an_option_that_the_store_does_not_take_is_named(bucket: dict[str, str], tmp_path: Path) -> None:
    said = doubt(tmp_path, bucket | {"S3_SSE_KMS_KEY_ID": "alias/files"})
    assert said is not None
    assert "takes no object as S3_SSE_KMS_KEY_ID say" in said


def test_a_disk_that_is_to_be_encrypted_is_said_to_be_plain(tmp_path: Path) -> None:
    said = doubt(tmp_path, {"S3_ENCRYPT_AT_REST": "true"})
    assert said is not None
    assert "which we do not encrypt" in said
    assert doubt(tmp_path, {}) is None
