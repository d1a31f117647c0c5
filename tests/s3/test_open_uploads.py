"""More open uploads than a page holds, on a real store, and the markers of stores that name them in other ways."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from partway.core.blocking import run_straight
from partway.core.ports import ListedUpload
from partway.s3 import answers
from partway.s3.answers import S3Answer
from partway.stores.s3 import S3Store
from tests.servers.seaweedfs import SeaweedFS

COUNT = 1500  #: more than one page of ListMultipartUploads
KEYS = 1200  #: so that some have two uploads


@pytest.fixture(scope="module")
def store(seaweedfs: SeaweedFS) -> Iterator[S3Store]:
    store = S3Store.connect_blocking(seaweedfs.settings(seaweedfs.new_bucket()))
    yield store
    run_straight(store.aclose())


def open_many(store: S3Store, prefix: str, count: int) -> set[tuple[str, str]]:
    def open_one(number: int) -> tuple[str, str]:
        key = f"{prefix}{number * 7919 % KEYS:05d}"
        return key, run_straight(store.create_upload(key, content_type="a/b", token="t"))

    with ThreadPoolExecutor(8) as threads:
        return set(threads.map(open_one, range(count)))


def pages(store: S3Store, prefix: str, limit: int) -> Iterator[list[ListedUpload]]:
    cursor = None
    while True:
        page = run_straight(store.list_uploads(prefix, cursor=cursor, limit=limit))
        assert len(page.uploads) <= limit
        yield list(page.uploads)
        cursor = page.next
        if cursor is None:
            return


def named(uploads: list[ListedUpload]) -> list[tuple[str, str]]:
    return sorted((upload.key, upload.upload_id) for upload in uploads)


def test_every_upload_is_met_once_however_long_the_pages(store):
    opened = open_many(store, "many/", COUNT)
    open_many(store, "other/", 5)
    for limit in (1000, 70):
        assert named([row for page in pages(store, "many/", limit) for row in page]) == sorted(opened)
    some = sorted(row for row in opened if row[0].startswith("many/0011"))
    assert named([row for page in pages(store, "many/0011", 3) for row in page]) == some
    key = f"many/{0:05d}"
    assert sorted(run_straight(store.find_uploads(key))) == sorted(id_ for name, id_ in opened if name == key)
    assert len(run_straight(store.find_uploads(key))) == 2


def test_every_upload_is_met_once_while_those_before_are_aborted(store):
    opened = open_many(store, "aborted/", 60)
    found: list[ListedUpload] = []
    for page in pages(store, "aborted/", 7):
        found += page
        for upload in page:
            run_straight(store.abort_upload(upload.key, upload.upload_id))
    assert named(found) == sorted(opened)
    assert list(pages(store, "aborted/", 1000)) == [[]]


@pytest.mark.parametrize(
    ("truncated", "named_markers", "expected"),
    [
        ("true", "<NextKeyMarker>a%2Bb</NextKeyMarker><NextUploadIdMarker>v</NextUploadIdMarker>", ("a+b", "v")),
        ("true", "<NextUploadIdMarker>v</NextUploadIdMarker>", ("", "v")),
        ("true", "", ("p k", "u")),
        ("false", "<NextUploadIdMarker>v</NextUploadIdMarker>", None),
    ],
)
def test_markers_are_those_that_the_store_names(truncated, named_markers, expected):
    document = (
        f"<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>"
        f"{named_markers}<Upload><Key>p+k</Key><UploadId>u</UploadId></Upload></ListMultipartUploadsResult>"
    )
    page = answers.read_uploads(S3Answer(200, {}, document.encode()), prefix="p")
    assert page.next_markers == expected
