from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.api import NOTIFICATION_TOKEN, SECRET, Api, token_for
from tests.servers.service import Service


@pytest.fixture(scope="session", params=["local-sqlite", "seaweedfs-postgres"])
def stack(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of the embedded default, and of real S3 with PostgreSQL."""
    env = {"PARTWAY_JWT_SECRET": SECRET}
    if request.param == "seaweedfs-postgres":
        seaweedfs = request.getfixturevalue("seaweedfs")
        env |= {
            "S3_BUCKET_NAME": seaweedfs.new_bucket(),
            "S3_ENDPOINT_URL": seaweedfs.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
            "PARTWAY_DATABASE_URL": request.getfixturevalue("postgres").new_database(),
        }
    return env


@pytest.fixture(scope="session")
def service(stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on both."""
    data_dir: Path = tmp_path_factory.mktemp("service") / "data"
    more = {"PARTWAY_PRESIGN_API": "true", "PARTWAY_NOTIFICATION_TOKEN": NOTIFICATION_TOKEN}
    with Service(data_dir, env={**stack, **more}) as running:
        yield running


@pytest.fixture
def alice(service: Service) -> Api:
    """One owner."""
    return Api(service.url, token_for("alice", name="Alice"))


@pytest.fixture
def bob(service: Service) -> Api:
    """Another owner."""
    return Api(service.url, token_for("bob"))


@pytest.fixture
def staff(service: Service) -> Api:
    """Someone who sees everybody's files."""
    return Api(service.url, token_for("carol", staff=True))
