"""The client against the service on real S3: what the store lists of a part differs, what comes back does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partway.client import Client
from partway.client.spec import UploadSpec
from tests.clients.conftest import MIB, downloaded, sha256
from tests.clients.test_uploads import parts_held, stopped_half_way
from tests.servers.fault_proxy import FaultProxy
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import Service

MakeFile = Callable[..., Path]
PART = 5 * MIB


@pytest.fixture(scope="module")
def stores_proxy(seaweedfs: SeaweedFS) -> Iterator[FaultProxy]:
    """Between the client and the store."""
    proxy = FaultProxy(int(seaweedfs.endpoint.rpartition(":")[2]))
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def service(
    seaweedfs: SeaweedFS, stores_proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service on SeaweedFS, whose clients reach the store through the proxy."""
    env = {
        "S3_BUCKET_NAME": seaweedfs.new_bucket(),
        "S3_ENDPOINT_URL": seaweedfs.endpoint,
        "S3_PUBLIC_ENDPOINT_URL": stores_proxy.url,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }
    with Service(tmp_path_factory.mktemp("service") / "data", env=env) as running:
        yield running


@pytest.mark.parametrize("checksum", ["crc32", "sha256", "md5", None])
@pytest.mark.parametrize("size", [0, 9, 3 * PART + 1])
def test_a_file_comes_back_as_it_was(
    client: Client, make_file: MakeFile, tmp_path: Path, size: int, checksum: str | None
) -> None:
    path = make_file(size)
    assert downloaded(client, client.upload(path, checksum=checksum, part_size=PART).id, tmp_path) == sha256(path)


@pytest.mark.parametrize("checksum", ["crc32", None])
def test_a_killed_client_sends_only_what_is_missing(
    *,
    client: Client,
    service: Service,
    stores_proxy: FaultProxy,
    make_file: MakeFile,
    tmp_path: Path,
    checksum: str | None,
) -> None:
    path = make_file(6 * PART + 17, name=f"killed-{checksum}.bin")
    stores_proxy.delay = 0.05
    stopped_half_way(stores_proxy, path, parts=3, checksum=checksum, url=service.url)
    (upload,) = [each for each in client.list(status="uploading") if each.file_name == path.name]
    held = parts_held(client, upload.id)
    assert held
    stores_proxy.log.clear()
    file = client.upload(path, part_size=PART, checksum=checksum)
    assert file.id == upload.id
    assert len(stores_proxy.puts()) == 7 - len(held)
    assert downloaded(client, file.id, tmp_path) == sha256(path)


def test_many_small_files(client: Client, make_file: MakeFile, tmp_path: Path) -> None:
    paths = [make_file(1000 + i, name=f"many/{i}.bin") for i in range(120)]
    outcomes = list(client.upload_many([(str(path), UploadSpec(file_name=path.name)) for path in paths]))
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    for outcome in outcomes[::40]:
        assert outcome.file is not None
        assert downloaded(client, outcome.file.id, tmp_path) == sha256(Path(outcome.path))
