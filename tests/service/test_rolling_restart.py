"""Two replicas behind a plain TCP balancer are restarted in turn while clients work: nobody loses anything."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pytest
import requests

from partway.client.client import Client
from tests.servers.balancer import Balancer
from tests.servers.postgres import PostgresServer
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import PARTWAY, Service

MIB = 1024 * 1024
NEW = {"file_name": "a", "file_size": 5, "file_content_type": ""}


@pytest.fixture
def replicas(tmp_path: Path, seaweedfs: SeaweedFS, postgres: PostgresServer) -> Iterator[list[Service]]:
    env = {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "S3_PART_SIZE_MB": "5",
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "PARTWAY_DATABASE_URL": postgres.new_database(),
        "PARTWAY_DRAIN_TIME": "1",
    }
    with ExitStack() as stack:
        yield [stack.enter_context(Service(tmp_path / name, env=env, forked=True)) for name in ("one", "two")]


class Working:
    """Threads that do something again and again until they are told to stop."""

    def __init__(self, *deeds: Callable[[], None]) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(deed,)) for deed in deeds]
        self.done = 0
        self.errors: list[BaseException] = []

    def __enter__(self) -> Working:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(120)

    def _repeat(self, deed: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                deed()
                self.done += 1
            except BaseException as error:
                self.errors.append(error)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_nothing_is_lost(replicas: list[Service], tmp_path: Path) -> None:
    uploaded: dict[str, str] = {}  # id → SHA-256
    statuses: Counter[int] = Counter()

    with Balancer([replica.port for replica in replicas]) as balancer, requests.Session() as session:

        def upload() -> None:
            content = random.randbytes(11 * MIB)
            with Client(balancer.url) as client:
                uploaded[client.upload(BytesIO(content), name="large.bin").id] = digest(content)

        def upload_by_command() -> None:
            files = {name: random.randbytes(6 * MIB) for name in ("a.bin", "b.bin", "c.bin")}
            for name, content in files.items():
                (tmp_path / name).write_bytes(content)
            done = subprocess.run(
                [PARTWAY, "upload", "--server", balancer.url, "--json", *(tmp_path / name for name in files)],
                env={**os.environ, "HOME": str(tmp_path)},
                capture_output=True,
                text=True,
                check=True,
            )
            for line in map(json.loads, done.stdout.splitlines()):
                uploaded[line["id"]] = digest(files[line["file_name"]])

        def ask_on_one_connection() -> None:
            statuses[session.get(f"{balancer.url}/v1/files", timeout=60).status_code] += 1
            time.sleep(0.005)

        def ask_on_a_new_connection() -> None:
            statuses[requests.get(f"{balancer.url}/health/live", timeout=60).status_code] += 1
            time.sleep(0.005)

        def begin() -> None:
            statuses[requests.post(f"{balancer.url}/v1/files/uploads", json=NEW, timeout=60).status_code] += 1
            time.sleep(0.01)

        with Working(upload, upload_by_command, ask_on_one_connection, ask_on_a_new_connection, begin) as working:
            for replica in replicas * 2:
                before = working.done
                while working.done < before + 20:
                    time.sleep(0.05)
                assert replica.stop() == 0
                replica.start()
        assert working.errors == []
        assert set(statuses) == {200, 201}
        assert len(uploaded) >= 4
        for file_id, sha256 in uploaded.items():
            assert digest(session.get(f"{balancer.url}/v1/files/{file_id}/download", timeout=60).content) == sha256
