"""A bucket of thousands: listing and cleaning up are right to the last one, in the same memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

import pytest

from partway.bucket import BlockingBucket, BucketRules, S3MultipartHandler
from partway.core.blocking import run_straight
from partway.core.file import new_token
from partway.core.parts import MIB
from partway.core.ports import Store, UploadListing
from partway.errors import UploadGone
from partway.s3.requests import put_object
from partway.stores.local import BlockingLocalStore
from partway.stores.local.receiving import Expected
from partway.stores.s3 import S3Settings, S3Store
from tests.servers.seaweedfs import SeaweedFS

OBJECTS = 5_000
UPLOADS = 1_500
SAME_KEY = "uploads/2026/01/01/same"
PEAK = 12 * MIB  # bytes; 5,000 objects or 1,500 uploads at once would not be much less if ten times as many were kept


def keys() -> list[str]:
    """Keys in folders, and some outside the prefix."""
    inside = [f"uploads/2026/01/{number % 28 + 1:02}/{number:05}/a b.txt" for number in range(OBJECTS - 10)]
    return inside + [f"uploadsnot/{number}" for number in range(5)] + [f"files/{number}" for number in range(5)]


@pytest.fixture(scope="module", params=["local", "seaweedfs"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of 5,000 objects and 1,500 open uploads: 500 of them of one key, 20 of them outside the prefix."""
    if request.param == "local":
        local = BlockingLocalStore(tmp_path_factory.mktemp("large"), secret_key="x" * 32)
        for key in keys():
            with local.receive_object(key, content_type="text/plain", token="t", expected=Expected(size=0)) as body:
                body.finish()
        for key in open_keys():
            run_straight(local.create_upload(key, content_type="text/plain", token="t"))
        yield local
        return
    seaweedfs: SeaweedFS = request.getfixturevalue("seaweedfs")
    settings = seaweedfs.settings(seaweedfs.new_bucket())
    asyncio.run(fill(settings))
    yield S3Store.connect_blocking(settings)


def open_keys() -> list[str]:
    """What the open uploads are of."""
    several = [f"uploads/2026/01/{number % 28 + 1:02}/{number:04}" for number in range(UPLOADS - 520)]
    return several + [SAME_KEY] * 500 + [f"files/{number}" for number in range(20)]


async def fill(settings: S3Settings) -> None:
    """Make the objects and the uploads, many at once."""
    store = S3Store.connect(settings)
    gate = asyncio.Semaphore(32)

    async def make(key: str) -> None:
        async with gate:
            await store.calls.send(put_object(key, b"", content_type="text/plain", token=new_token()))

    async def begin(key: str) -> None:
        async with gate:
            await store.create_upload(key, content_type="text/plain", token=new_token())

    await asyncio.gather(*map(make, keys()), *map(begin, open_keys()))
    await store.aclose()


def test_every_page_is_right_to_the_last_object(store: Store) -> None:
    handler = S3MultipartHandler("large", store=store)
    wanted = {key for key in keys() if key.startswith("uploads/")}
    found: list[str] = []
    tracemalloc.start()
    page = handler.list_files(page_size=700)
    while True:
        found += [each.key for each in page.files]
        if page.next_cursor is None:
            break
        page = handler.list_files(page_size=700, cursor=page.next_cursor)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == len(set(found)) == len(wanted)
    assert set(found) == wanted
    assert peak < PEAK

    last = handler.list_files(page=4990 // 499, page_size=499)
    assert [each.key for each in last.files] == found[-499:]
    assert (last.total_count, last.total_pages, last.next_cursor) == (4990, 10, None)
    middle = handler.list_files(page=3, page_size=20)
    assert [each.key for each in middle.files] == found[40:60]
    assert (middle.total_count, middle.total_pages) == (None, None)
    beyond = handler.list_files(page=1000, page_size=20)
    assert (beyond.files, beyond.total_count) == ([], 4990)
    day = handler.list_files(prefix="uploads/2026/01/07/", page_size=1000)
    assert {each.key for each in day.files} == {key for key in wanted if key.startswith("uploads/2026/01/07/")}


def test_cleaning_up_aborts_every_old_upload_of_ours_and_no_other(store: Store) -> None:
    bucket = BlockingBucket(store, BucketRules())
    assert list(bucket.clean_up(older_than=timedelta(days=1))) == []
    tracemalloc.start()
    aborted = [(upload.key, upload.upload_id) for upload in bucket.clean_up(older_than=timedelta(0))]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < PEAK
    assert len(aborted) == len(set(aborted)) == UPLOADS - 20
    assert sorted(key for key, _ in aborted) == sorted(key for key in open_keys() if key.startswith("uploads/"))
    for key, upload_id in aborted[::100]:
        with pytest.raises(UploadGone):
            run_straight(store.list_parts(key, upload_id))
    assert isinstance(store, UploadListing)
    assert {each.key for each in run_straight(store.list_uploads("files/")).uploads} == {
        key for key in open_keys() if key.startswith("files/")
    }
    assert list(bucket.clean_up(older_than=timedelta(0))) == []
