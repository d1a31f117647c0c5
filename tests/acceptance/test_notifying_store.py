"""A store that really sends its notifications, and one that is away when they are to be looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance.api import NOTIFICATION_TOKEN, PART_SIZE, SECRET, Api, assert_problem, put, send_parts, token_for
from tests.acceptance.test_notifications import notify, records_of, small, status
from tests.servers.ports import free_port
from tests.servers.postgres import PostgresServer
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import Service

PATIENCE = 60  #: seconds until news that must come count as lost


@pytest.fixture(scope="module")
def port() -> int:
    """Of the service: the store is told of it when it starts."""
    return free_port()


@pytest.fixture(scope="module")
def store(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    webhook = (f"http://127.0.0.1:{port}/v1/notifications/s3", NOTIFICATION_TOKEN)
    server = SeaweedFS(tmp_path_factory.mktemp("notifying"), webhook=webhook).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def bucket(store: SeaweedFS) -> str:
    return store.new_bucket()


@pytest.fixture(scope="module")
def service(
    port: int, store: SeaweedFS, bucket: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    env = {
        "PARTWAY_JWT_SECRET": SECRET,
        "PARTWAY_NOTIFICATION_TOKEN": NOTIFICATION_TOKEN,
        "PARTWAY_DATABASE_URL": postgres.new_database(),
        "S3_BUCKET_NAME": bucket,
        "S3_ENDPOINT_URL": store.endpoint,
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
    }
    data_dir: Path = tmp_path_factory.mktemp("service") / "data"
    with Service(data_dir, env=env, port=port) as running:
        yield running


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)


def test_files_are_completed_by_the_store_alone(service: Service) -> None:
    alice = Api(service.url, token_for("alice"))
    begun = [small(alice, b"sent and forgotten") for _ in range(5)]
    for each in begun[1:]:
        assert put(each["presigned_urls"][0], b"sent and forgotten").status_code == 200
    eventually(lambda: all(status(alice, each) == "completed" for each in begun[1:]))
    assert status(alice, begun[0]) == "uploading"
    assert alice("GET", f"/files/{begun[1]['id']}/download").content == b"sent and forgotten"


def test_clients_and_notifications_do_not_disturb_each_other(service: Service) -> None:
    alice = Api(service.url, token_for("alice"))
    content = b"p" * (PART_SIZE + 1)
    for number in range(5):
        begun = alice.begin(content) if number % 2 else small(alice, b"small")
        sent = content if number % 2 else b"small"
        if number % 2:
            send_parts(begun["presigned_urls"], sent, part_size=PART_SIZE)
        else:
            assert put(begun["presigned_urls"][0], sent).status_code == 200
        done = alice("POST", f"/files/uploads/{begun['id']}/complete")
        assert (done.status_code, done.json()["upload_status"]) == (200, "completed")
        assert alice("GET", f"/files/{begun['id']}/download").content == sent


def test_while_the_store_is_away_the_sender_is_told_to_try_again(
    service: Service, store: SeaweedFS, bucket: str
) -> None:
    alice = Api(service.url, token_for("alice"))
    begun = small(alice, b"later")
    store.kill()
    try:
        answer = notify(service, records_of(bucket, begun["s3_key"]))
        assert_problem(answer, 503, "store_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert notify(service, records_of(bucket, "files/unknown")).json()["ignored"] == 1
    finally:
        store.start()
    assert put(begun["presigned_urls"][0], b"later").status_code == 200
    eventually(lambda: status(alice, begun) == "completed")


def test_while_the_database_is_away_the_sender_is_told_to_try_again(tmp_path: Path) -> None:
    database = PostgresServer().start()
    env = {
        "PARTWAY_JWT_SECRET": SECRET,
        "PARTWAY_NOTIFICATION_TOKEN": NOTIFICATION_TOKEN,
        "PARTWAY_DATABASE_URL": database.new_database(),
    }
    try:
        with Service(tmp_path / "data", env=env) as service:
            database.kill()
            answer: requests.Response = notify(service, records_of("local", "files/a"))
            assert_problem(answer, 503, "records_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
    finally:
        database.stop()
