from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.examples.process import Example
from tests.servers.seaweedfs import SeaweedFS

StartExample = Callable[..., Example]


def bucket_environment(seaweedfs: SeaweedFS, bucket: str) -> dict[str, str]:
    """What a user exports to stand on a bucket."""
    return {
        "S3_BUCKET_NAME": bucket,
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_REGION": seaweedfs.region,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }


@pytest.fixture(scope="module", params=["folder", "seaweedfs"])
def store_environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """The embedded store, or a bucket of its own."""
    if request.param == "folder":
        return {}
    seaweedfs: SeaweedFS = request.getfixturevalue("seaweedfs")
    return bucket_environment(seaweedfs, seaweedfs.new_bucket())


@pytest.fixture(scope="module")
def example(
    request: pytest.FixtureRequest, store_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Example]:
    """The example that the module is about (`EXAMPLE`), on each store."""
    with Example(request.module.EXAMPLE, tmp_path_factory.mktemp("example"), store_environment) as running:
        yield running
