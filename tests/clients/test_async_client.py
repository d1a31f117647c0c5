"""The client for asyncio: the same results, and cancelling that ends a transfer at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from partway.client import AsyncClient, Client
from partway.errors import NotFound
from tests.clients.conftest import MIB, downloaded, sha256
from tests.servers.fault_proxy import FaultProxy, Stall
from tests.servers.service import Service

MakeFile = Callable[..., Path]
PART = 5 * MIB


def test_the_same_by_await(service: Service, make_file: MakeFile, tmp_path: Path) -> None:
    paths = [make_file(2 * PART + i, name=f"async-{i}.bin") for i in range(3)]

    async def story() -> None:
        async with AsyncClient(service.url, patience=30) as client:
            files = await asyncio.gather(*(client.upload(path, part_size=PART) for path in paths))
            for path, file in zip(paths, files, strict=True):
                await client.download(file.id, tmp_path / "back", overwrite=True)
                assert sha256(tmp_path / "back") == sha256(path)
            found = [file.id async for file in client.list(search="async-")]
            assert set(found) >= {file.id for file in files}
            assert (await client.update(files[0].id, name="x")).name == "x"
            assert (await client.presigned_url(files[0].id)).expires_in > 0
            await client.delete(files[0].id, hard=True)
            with pytest.raises(NotFound):
                await client.get(files[0].id)

    asyncio.run(story())


def test_a_cancelled_upload_ends_and_can_be_resumed(
    proxy: FaultProxy, client: Client, make_file: MakeFile, tmp_path: Path
) -> None:
    path = make_file(8 * PART, name="cancelled.bin")
    stalled = threading.Event()

    def fault(method: str, target: str, count: int) -> Stall | None:
        if method == "PUT" and count >= 3:
            stalled.set()
            return Stall(MIB)
        return None

    proxy.fault = fault

    async def story() -> None:
        async with AsyncClient(proxy.url, timeout=60, workers=2) as uploading:
            task = asyncio.create_task(uploading.upload(path, part_size=PART))
            assert await asyncio.to_thread(stalled.wait, 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 10)

    asyncio.run(story())
    (upload,) = [each for each in client.list(status="uploading") if each.file_name == path.name]
    file = client.upload(path, part_size=PART)
    assert file.id == upload.id
    assert downloaded(client, file.id, tmp_path) == sha256(path)
