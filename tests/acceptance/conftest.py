from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.api import NOTIFICATION_TOKEN, SECRET, Api, token_for
from tests.acceptance.fronts import DJANGO, Front, front
from tests.django_app.server import ASGI

#: What only the service has; all else a Django project has too, which asks who calls before it looks at a body.
OF_THE_SERVICE = {
    "test_a_body_that_is_too_large_is_refused_before_it_is_sent",
    "test_notifications",
    "test_the_description_names_every_route",
    "test_presign",
    "test_reference",
    "test_watching",
}
#: What the third Django project is asked for: where databases and servers differ.
OF_ALL_DATABASES = {"test_batches", "test_files", "test_form_upload", "test_limits", "test_uploads"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ask a Django project for nothing that only the service has."""
    left_out = [item for item in items if _is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item) -> bool:
    if "[django-asgi-" in item.name and item.path.stem not in OF_ALL_DATABASES:
        return True
    return "[django-" in item.name and bool(OF_THE_SERVICE & set(_names_of(item)))


def _names_of(item: pytest.Item) -> Sequence[str]:
    return item.path.stem, item.name.partition("[")[0]


@pytest.fixture(
    scope="session",
    params=[
        "local-sqlite",
        "seaweedfs-postgres",
        "django-local-sqlite",
        "django-seaweedfs-postgres",
        "django-asgi-local-mariadb",
    ],
)
def stack(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of the embedded default, and of real S3 with PostgreSQL; the same for a Django project.

    The third of the Django projects runs under ASGI on MariaDB, and has its requests in transactions.
    """
    env = {"PARTWAY_JWT_SECRET": SECRET}
    if request.param.startswith("django-"):
        env[DJANGO] = "yes"
    if request.param.endswith("seaweedfs-postgres"):
        seaweedfs = request.getfixturevalue("seaweedfs")
        env |= {
            "S3_BUCKET_NAME": seaweedfs.new_bucket(),
            "S3_ENDPOINT_URL": seaweedfs.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
            "PARTWAY_DATABASE_URL": request.getfixturevalue("postgres").new_database(),
        }
    if request.param == "django-asgi-local-mariadb":
        env |= {ASGI: "yes", "TEST_ATOMIC_REQUESTS": "yes"}
        env["PARTWAY_DATABASE_URL"] = request.getfixturevalue("mariadb").new_database()
    return env


@pytest.fixture(scope="session")
def service(stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The service, or a Django project, on each stack."""
    data_dir: Path = tmp_path_factory.mktemp("service") / "data"
    more = {"PARTWAY_PRESIGN_API": "true", "PARTWAY_NOTIFICATION_TOKEN": NOTIFICATION_TOKEN}
    with front(data_dir, env={**stack, **more}) as running:
        yield running


@pytest.fixture
def alice(service: Front) -> Api:
    """One owner."""
    return Api(service.url, token_for("alice", name="Alice"))


@pytest.fixture
def bob(service: Front) -> Api:
    """Another owner."""
    return Api(service.url, token_for("bob"))


@pytest.fixture
def staff(service: Front) -> Api:
    """Someone who sees everybody's files."""
    return Api(service.url, token_for("carol", staff=True))
