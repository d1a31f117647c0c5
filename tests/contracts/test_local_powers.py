"""What the local store does with its powers beyond the contract: old descriptions, second PUTs, wrong bodies."""

import json

import pytest

from partway.core.blocking import run_straight
from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import StoreLimits
from partway.core.ports import FormPosts, PartToSign
from partway.errors import InvalidInput, StoreRefused
from partway.stores.local import BlockingLocalStore
from partway.stores.local import uploads as local_uploads
from tests.contracts.test_local_store import FrontSender


@pytest.fixture
def store(tmp_path):
    return BlockingLocalStore(
        tmp_path / "root",
        secret_key="s" * 32,
        public_url="https://files.example/app/",
        limits=StoreLimits(min_part_size=1, max_part_size=8),
    )


def put(store, body):
    signed = run_straight(store.sign_plain_put("k", content_type="a/b", expires_in=60))
    return run_straight(
        FrontSender(store)("PUT", signed.url.removeprefix("https://files.example/app"), signed.headers, body)
    )


def test_a_description_from_before_metadata_is_read(store, tmp_path):
    assert put(store, b"body").status == 200
    (description,) = (tmp_path / "root").rglob("object.json")
    said = json.loads(description.read_text())
    del said["metadata"]
    description.write_text(json.dumps(said))
    stored = run_straight(store.head("k"))
    assert (stored.size, dict(stored.metadata)) == (4, {})


def test_a_plain_put_never_overwrites_and_has_a_largest_size(store):
    assert put(store, b"123456789").status == 400
    assert put(store, b"first").status == 200
    assert put(store, b"second").status == 412


def test_open_uploads_are_listed_oldest_first_whatever_is_in_memory_at_a_time(store, monkeypatch):
    monkeypatch.setattr(local_uploads, "_BATCH", 2)
    opened = [run_straight(store.create_upload(f"{turn % 2}/x", content_type="a/b", token="t")) for turn in range(9)]
    found, cursor = [], None
    while not found or cursor is not None:
        page = run_straight(store.list_uploads("0/", cursor=cursor, limit=3))
        found += [upload.upload_id for upload in page.uploads]
        cursor = page.next
    assert found == opened[::2]
    assert run_straight(store.list_uploads("", limit=9)).next is None


@pytest.mark.parametrize(
    ("part", "body", "error"),
    [
        (PartToSign(1, 4), b"sho", StoreRefused),
        (PartToSign(1, 4), b"longer", StoreRefused),
        (PartToSign(1, 4, "AAAAAA=="), b"body", StoreRefused),
        (PartToSign(2, 4), b"body", InvalidInput),
    ],
    ids=["shorter", "longer", "other-checksum", "no-offset"],
)
def test_a_part_that_is_not_what_was_said_is_not_kept(store, part, body, error):
    upload_id = run_straight(
        store.create_upload("k", content_type="a/b", token="t", checksum_algorithm=ChecksumAlgorithm.CRC32)
    )
    with pytest.raises(error):
        run_straight(store.write_part("k", upload_id, part, body))
    assert run_straight(store.list_parts("k", upload_id)) == []


def test_addresses_are_below_the_public_url_and_there_are_no_forms(store):
    assert store.object_url("a b/é") == "https://files.example/app/store/a%20b/%C3%A9"
    assert not isinstance(store, FormPosts)
