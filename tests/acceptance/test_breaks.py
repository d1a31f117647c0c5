"""Processes that are killed in the midst of an upload: the client, the service, the store. The file arrives whole."""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest

from partway.core.blocking import run_straight
from partway.stores.local import BlockingLocalStore
from tests.acceptance.api import MIB, PART_SIZE, SECRET, Api, send_parts, token_for
from tests.servers.metered_proxy import MeteredProxy
from tests.servers.postgres import PostgresServer
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import PARTWAY, Service

RATE = 40 * MIB  #: bytes per second between a client and the store, so that half-way is a while
STORE_SECRET = "a secret of the local store, known to the test and to the service"
HEADROOM = 256 * 1024  #: bytes of headers and of the API's own requests besides the parts


@dataclass(frozen=True)
class Site:
    """A service that can be killed, its store, and a slow way from clients to the store.

    Args:
        service: listens on a fixed port.
        data: the way that the parts take; the local store's also takes all else.
        seaweedfs: the store, if it is not the local disk.
        bucket: in it.
        database_url: of PostgreSQL, or None for SQLite in the data directory.
    """

    service: Service
    data: MeteredProxy
    seaweedfs: SeaweedFS | None = None
    bucket: str = ""
    database_url: str | None = None

    @property
    def server(self) -> str:
        """Where clients find the service."""
        return self.service.url if self.seaweedfs else self.data.url

    def api(self, user: str) -> Api:
        """The service as one caller sees it, past the slow way."""
        return Api(self.service.url, token_for(user))

    def execute(self, statement: str) -> None:
        """Change the records past the service."""
        if self.database_url:
            with psycopg.connect(self.database_url) as postgres:
                postgres.execute(statement)
        else:
            with closing(sqlite3.connect(self.service.data_dir / "partway.sqlite3")) as sqlite, sqlite:
                sqlite.execute(statement)

    def join(self, begun: dict[str, Any]) -> None:
        """Have the store join an upload's parts, past the service."""
        key, upload_id = begun["s3_key"], begun["upload_id"]
        if self.seaweedfs is None:
            store = BlockingLocalStore(self.service.data_dir / "store", secret_key=STORE_SECRET)
            run_straight(store.complete_upload(key, upload_id, run_straight(store.list_parts(key, upload_id))))
            return
        s3 = boto3.client(
            "s3",
            endpoint_url=self.seaweedfs.endpoint,
            aws_access_key_id=self.seaweedfs.access_key,
            aws_secret_access_key=self.seaweedfs.secret_key,
            region_name=self.seaweedfs.region,
        )
        upload = {"Bucket": self.bucket, "Key": key, "UploadId": upload_id}
        parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in s3.list_parts(**upload)["Parts"]]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        s3.close()


@pytest.fixture(scope="module")
def own_seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A SeaweedFS that may be killed."""
    server = SeaweedFS(tmp_path_factory.mktemp("seaweedfs-to-kill")).start()
    yield server
    server.stop()


def _port_of(seaweedfs: SeaweedFS) -> int:
    return urlsplit(seaweedfs.endpoint).port or 0


def s3_settings(seaweedfs: SeaweedFS, bucket: str) -> dict[str, str]:
    return {
        "PARTWAY_JWT_SECRET": SECRET,
        "S3_BUCKET_NAME": bucket,
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The embedded default: local disk and SQLite."""
    env = {"PARTWAY_JWT_SECRET": SECRET, "PARTWAY_SECRET_KEY": STORE_SECRET}
    with Service(tmp_path_factory.mktemp("breaks-local") / "data", env=env) as service:
        data = MeteredProxy(service.port, rate=RATE)
        yield Site(service, data)
        data.close()


@pytest.fixture(scope="module")
def remote(
    tmp_path_factory: pytest.TempPathFactory, own_seaweedfs: SeaweedFS, postgres: PostgresServer
) -> Iterator[Site]:
    """SeaweedFS and PostgreSQL."""
    data = MeteredProxy(_port_of(own_seaweedfs), rate=RATE)
    bucket, database_url = own_seaweedfs.new_bucket(), postgres.new_database()
    env = s3_settings(own_seaweedfs, bucket) | {
        "S3_PUBLIC_ENDPOINT_URL": data.url,
        "PARTWAY_DATABASE_URL": database_url,
    }
    with Service(tmp_path_factory.mktemp("breaks-s3") / "data", env=env) as service:
        yield Site(service, data, own_seaweedfs, bucket, database_url)
    data.close()


@pytest.fixture(params=["local", "remote"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each site in turn."""
    found: Site = request.getfixturevalue(request.param)
    return found


class Run:
    """One upload of a random file by `partway upload`, that breaks at a random point.

    Args:
        site: where to.
        seed: decides the file, its size (30 to 60 MiB) and the point.
        folder: for the file.
    """

    def __init__(self, site: Site, seed: int, folder: Path) -> None:
        chance = random.Random(seed)
        self.user = f"user-{seed}-{os.urandom(4).hex()}"
        self.api = site.api(self.user)
        self.path = folder / "large.bin"
        self.size = chance.randrange(30 * MIB, 60 * MIB)
        self.path.write_bytes(chance.randbytes(self.size))
        self._share = chance.uniform(0.2, 0.6)
        self._site = site

    def start(self) -> subprocess.Popen[bytes]:
        """Start the client, in parts of 5 MiB."""
        command = [PARTWAY, "upload", self.path, "--server", self._site.server, "--part-size", "5MiB"]
        return subprocess.Popen(
            [*command, "--patience", "60", "--workers", "3", "--json"],
            env={**os.environ, "PARTWAY_TOKEN": token_for(self.user)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait_for_the_point(self, client: subprocess.Popen[bytes]) -> None:
        """Return once the chosen share of the file is at the store."""
        while (state := self.state()) is None or state["uploaded_size"] < self._share * self.size:
            assert client.poll() is None, client.communicate()
            time.sleep(0.02)

    def state(self) -> dict[str, Any] | None:
        """The upload as the service sees it, if it has begun."""
        listed = self.api("GET", "/files", params={"status": "uploading"}).json()["results"]
        if not listed:
            return None
        found: dict[str, Any] = self.api("GET", f"/files/uploads/{listed[0]['id']}").json()
        return found

    def assert_arrives(self, client: subprocess.Popen[bytes]) -> None:
        """The client ends well, and the file is there once, byte for byte."""
        output, errors = client.communicate(timeout=120)
        assert client.returncode == 0, errors.decode()
        file_id = json.loads(output)["id"]
        listed = self.api("GET", "/files", params={"status": "all"}).json()["results"]
        assert [(file["id"], file["upload_status"]) for file in listed] == [(file_id, "completed")]
        downloaded = self.api("GET", f"/files/{file_id}/download").content
        assert hashlib.sha256(downloaded).digest() == hashlib.sha256(self.path.read_bytes()).digest()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_client_sends_only_what_is_missing(site: Site, tmp_path: Path, seed: int) -> None:
    run = Run(site, seed, tmp_path)
    first = run.start()
    run.wait_for_the_point(first)
    first.kill()
    first.communicate()
    site.data.wait_until_quiet()
    missing = run.size - settled(run)
    assert PART_SIZE < missing < run.size - PART_SIZE
    before = site.data.sent
    run.assert_arrives(run.start())
    assert missing <= site.data.sent - before < missing + HEADROOM


def settled(run: Run) -> int:
    """Bytes that the store holds, once it has taken all that had come when the client was killed."""
    found = -1
    while (state := run.state()) is not None and state["uploaded_size"] != found:
        found = state["uploaded_size"]
        time.sleep(1)
    return found


@pytest.mark.parametrize("seed", [3, 4])
def test_a_client_outlives_the_service(site: Site, tmp_path: Path, seed: int) -> None:
    run = Run(site, seed, tmp_path)
    client = run.start()
    run.wait_for_the_point(client)
    site.service.kill()
    site.service.start()
    run.assert_arrives(client)


@pytest.mark.parametrize("seed", [5, 6])
def test_a_client_outlives_the_store(remote: Site, tmp_path: Path, seed: int) -> None:
    run = Run(remote, seed, tmp_path)
    client = run.start()
    run.wait_for_the_point(client)
    assert remote.seaweedfs is not None
    remote.seaweedfs.kill()
    remote.seaweedfs.start()
    run.assert_arrives(client)


@pytest.mark.parametrize("status", ["uploading", "completing"])
def test_a_service_killed_between_the_store_and_its_records_finishes_later(site: Site, status: str) -> None:
    """The store has joined the parts; the record was never told."""
    content = random.Random(7).randbytes(2 * PART_SIZE + 7)
    api = site.api("late")
    begun = api.begin(content)
    send_parts(begun["presigned_urls"], content, part_size=PART_SIZE)
    site.service.kill()
    site.join(begun)
    site.execute(f"UPDATE partway_files SET upload_status = '{status}' WHERE key = '{begun['s3_key']}'")
    site.service.start()
    answer = api("POST", f"/files/uploads/{begun['id']}/complete", json={})
    assert answer.status_code == 200, answer.text
    assert answer.json()["upload_status"] == "completed"
    assert api("GET", f"/files/{begun['id']}/download").content == content


def test_the_bytes_of_a_file_do_not_pass_through_the_service(
    own_seaweedfs: SeaweedFS, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All that the service says and hears goes through two meters; its records need no network."""
    to_store = MeteredProxy(_port_of(own_seaweedfs))
    env = s3_settings(own_seaweedfs, own_seaweedfs.new_bucket()) | {
        "S3_ENDPOINT_URL": to_store.url,
        "S3_PUBLIC_ENDPOINT_URL": own_seaweedfs.endpoint,
    }
    with Service(tmp_path_factory.mktemp("metered") / "data", env=env) as service:
        to_service = MeteredProxy(service.port)
        path = tmp_path / "larger.bin"
        path.write_bytes(random.Random(8).randbytes(65 * MIB))
        client = subprocess.run(
            [PARTWAY, "upload", path, "--server", to_service.url, "--part-size", "5MiB", "--json"],
            env={**os.environ, "PARTWAY_TOKEN": token_for("alice")},
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert client.returncode == 0, client.stderr.decode()
        assert json.loads(client.stdout)["file_size"] == 65 * MIB
        assert to_store.total > 0
        assert to_service.total > 0
        assert to_store.total + to_service.total < MIB
        to_service.close()
    to_store.close()
