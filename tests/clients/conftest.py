from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partway.client import Client
from tests.servers.fault_proxy import FaultProxy
from tests.servers.service import Service

MIB = 1024 * 1024


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with the local store, shared; one that is to be killed is a test's own."""
    with Service(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.url, patience=30) as client:
        yield client


@pytest.fixture
def proxy(service: Service) -> Iterator[FaultProxy]:
    """Between the client and the service; does no harm until it is told to."""
    proxy = FaultProxy(service.port)
    yield proxy
    proxy.close()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    """Makes files of random bytes."""

    def make(size: int, *, name: str = "file.bin", seed: int | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(seed).randbytes(size))
        return path

    return make


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def downloaded(client: Client, file_id: str, folder: Path) -> str:
    """The SHA-256 of a file as the service gives it back."""
    target = folder / f"{file_id}.back"
    client.download(file_id, target, overwrite=True)
    return sha256(target)
