"""What the clients do with finished files: restore, copy, inspect, delete many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from partway.client import AsyncClient, Client
from partway.errors import InvalidInput, NotFound
from tests.clients.conftest import downloaded, sha256
from tests.servers.fault_proxy import Fault, FaultProxy, LoseAnswer
from tests.servers.service import Service

MakeFile = Callable[..., Path]


def test_a_deleted_file_comes_back(client: Client, make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file(1000)
    file = client.upload(path)
    client.delete(file.id)
    with pytest.raises(NotFound):
        client.get(file.id)
    assert client.restore(file.id).id == file.id
    assert downloaded(client, file.id, tmp_path) == sha256(path)
    client.delete(file.id, hard=True)
    with pytest.raises(NotFound):
        client.restore(file.id)


def test_a_copy_is_another_file(client: Client, make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file(1000)
    file = client.upload(path, metadata={"a": 1})
    copy = client.copy(file.id, folder="archives", name="A copy", metadata={"b": 2})
    assert (copy.copied_from, copy.name, copy.metadata) == (file.id, "A copy", {"b": 2})
    assert client.copy(file.id).metadata == {"a": 1}
    assert downloaded(client, copy.id, tmp_path) == sha256(path)
    with pytest.raises(InvalidInput):
        client.copy(file.id, folder="../up")


def test_a_copy_whose_answer_is_lost_is_made_once(proxy: FaultProxy, client: Client, make_file: MakeFile) -> None:
    mark = uuid4().hex
    file = client.upload(make_file(1000, name=f"{mark}.bin"))

    def fault(method: str, target: str, count: int) -> Fault | None:
        return LoseAnswer() if method == "POST" and count == 0 else None

    proxy.fault = fault
    with Client(proxy.url, patience=30) as shaken:
        copy = shaken.copy(file.id)
    assert {found.id for found in client.list(search=mark, status="all")} == {file.id, copy.id}


def test_what_the_store_says(client: Client, make_file: MakeFile) -> None:
    file = client.upload(make_file(1000), metadata={"a": 1})
    said = client.metadata(file.id)
    assert (said["file_size"], said["metadata"]) == (1000, {"a": 1})
    assert said["store"]["etag"] == file.etag
    with pytest.raises(NotFound):
        client.metadata(str(uuid4()))


def test_many_are_deleted_each_with_its_outcome(client: Client, make_file: MakeFile) -> None:
    files = [client.upload(make_file(10, name=f"{number}.bin")) for number in range(3)]
    unknown = [str(uuid4()) for _ in range(1100)]
    outcomes = list(client.delete_many([*(file.id for file in files), *unknown]))
    assert [each.id for each in outcomes] == [*(file.id for file in files), *unknown]
    assert [each.error for each in outcomes[:3]] == [None] * 3
    assert all(isinstance(each.error, NotFound) for each in outcomes[3:])
    assert client.restore(files[0].id).id == files[0].id
    assert [each.error for each in client.delete_many([files[0].id], hard=True)] == [None]
    with pytest.raises(NotFound):
        client.restore(files[0].id)


def test_the_same_by_await(service: Service, make_file: MakeFile) -> None:
    path = make_file(1000)

    async def story() -> None:
        async with AsyncClient(service.url, patience=30) as client:
            file = await client.upload(path)
            copy = await client.copy(file.id)
            assert (await client.metadata(copy.id))["file_size"] == 1000
            outcomes = [each async for each in client.delete_many([file.id, copy.id])]
            assert [each.error for each in outcomes] == [None, None]
            assert (await client.restore(copy.id)).id == copy.id

    asyncio.run(story())
