"""Properties of the local store's parts: names on disk, listings, the journal, and parts sent again and again."""

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partway.core.blocking import run_straight
from partway.core.checksums import ChecksumAlgorithm
from partway.core.parts import StoreLimits
from partway.errors import InvalidInput, Misconfigured, StoreRefused, StoreUnavailable, UploadGone
from partway.stores.contract import Bench
from partway.stores.local import BlockingLocalStore
from partway.stores.local.disk import disk_errors
from partway.stores.local.journal import HeldPart, Journal, Turn
from partway.stores.local.layout import Layout, decode_segment, encode_segment
from partway.stores.local.receiving import Expected

segments = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), max_size=20)
keys = st.lists(segments, min_size=1, max_size=5).map("/".join).filter(bool)
nasty = st.sampled_from(
    ["..", "../..", ".", "~", "a~", "%2e%2e", "\0", "\\", "C:", "objects~/x", "/", "//", "/etc", " "]
)


@pytest.fixture(scope="module")
def root():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder).resolve()


def new_store(root, **options):
    return BlockingLocalStore(tempfile.mkdtemp(dir=root), secret_key="s", **options)


def put(store, key, body):
    expected = Expected(size=len(body))
    with store.receive_object(key, content_type="a/b", token="t", expected=expected) as receiver:
        receiver.write(body)
        return receiver.finish()


@given(keys | nasty)
def test_no_key_leaves_the_root(root, key):
    folder = Layout(root).object_folder(key)
    assert folder.is_relative_to(root / "objects")
    assert folder.name.endswith("~")
    assert ".." not in folder.parts
    assert all(name.isascii() and name.isprintable() and "~" not in name[:-1] for name in folder.parts[-2:])


@given(keys | nasty, keys | nasty)
def test_different_keys_lie_in_different_folders(root, one, other):
    folders = [Layout(root).object_folder(key) for key in (one, other)]
    assert (folders[0] == folders[1]) == (one == other)
    assert not folders[0].is_relative_to(folders[1]) or one == other


@given(segments)
def test_a_segment_comes_back(segment):
    assert decode_segment(encode_segment(segment)) == segment


@pytest.mark.parametrize("key", ["", "x" * 255, "é" * 43, "a/" * 513, "a/\udc80"])
def test_keys_that_no_disk_takes_are_refused(root, key):
    store = new_store(root)
    with pytest.raises(StoreRefused):
        run_straight(store.head(key))
    with pytest.raises(StoreRefused):
        run_straight(store.create_upload(key, content_type="a/b", token="t"))


@settings(max_examples=40, deadline=None)
@given(
    st.sets(
        st.lists(st.sampled_from(["a", "b", "a-", "a0", "é", "", "~", "."]), min_size=1, max_size=3)
        .map("/".join)
        .filter(bool),
        max_size=12,
    ),
    st.sampled_from(["", "a", "a/", "a-", "b/a", "é/", "/", "a//"]),
    st.integers(1, 5),
)
def test_a_listing_is_the_sorted_keys(root, present, prefix, limit):
    store = new_store(root)
    for key in present:
        put(store, key, key.encode())
    found, cursor, more = [], None, True
    while more:
        page = run_straight(store.list_objects(prefix, cursor=cursor, limit=limit))
        found += [row.key for row in page.objects]
        cursor, more = page.next, page.next is not None
    assert found == sorted((key for key in present if key.startswith(prefix)), key=str.encode)


class JournalFile:
    """A journal's file in a folder, opened anew for each look."""

    def __init__(self, root):
        handle, self.path = tempfile.mkstemp(dir=root)
        os.close(handle)
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND)

    def read(self):
        journal = Journal()
        journal.catch_up(self.descriptor)
        return journal


def held(number, etag, *, offset=0, size=1):
    return HeldPart(part_number=number, offset=offset, size=size, etag=etag)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=8), st.integers(0, 600))
@example([(1, True)], 113)
def test_a_torn_journal_says_what_stands_before_the_tear(root, deeds, cut):
    file = JournalFile(root)
    journal, sizes, states = Journal(), [0], [{}]
    for turn, (number, finished) in enumerate(deeds):
        if finished:
            part = held(number, f"{turn:032x}", offset=number, size=1)
            journal.record(file.descriptor, part, writer="w")
        else:
            journal.begin(file.descriptor, number, Turn(f"w{turn}", number, 1))
        sizes.append(os.path.getsize(file.path))
        states.append(dict(journal.parts))
    assert file.read().parts == journal.parts
    os.truncate(file.path, min(cut, sizes[-1]))
    whole = max(index for index, size in enumerate(sizes) if size <= max(cut, 0))
    assert file.read().parts == states[whole]
    after = file.read()
    after.record(file.descriptor, held(9, "e", offset=9), writer="w")
    assert file.read().parts == {**states[whole], 9: held(9, "e", offset=9)}
    os.close(file.descriptor)


def test_a_part_that_shares_bytes_takes_them_away(root):
    file = JournalFile(root)
    journal = Journal()
    for number, offset in ((1, 0), (2, 10), (3, 20)):
        journal.begin(file.descriptor, number, Turn("w", offset, 10))
        journal.record(file.descriptor, held(number, "e", offset=offset, size=10), writer="w")
    assert journal.begin(file.descriptor, 4, Turn("other", 5, 10))
    assert set(journal.parts) == set(file.read().parts) == {3}
    assert not journal.begin(file.descriptor, 5, Turn("other", 30, 10))
    os.close(file.descriptor)


sent = st.tuples(st.integers(1, 3), st.binary(min_size=6, max_size=6) | st.just(b"same!!"), st.integers(0, 8))


@settings(max_examples=60, deadline=None)
@given(st.lists(sent, max_size=10), st.integers(1, 4))
def test_a_held_parts_etag_is_that_of_its_bytes_on_disk(root, requests, chunk_size):
    store = new_store(root, limits=StoreLimits(min_part_size=1))
    upload_id = run_straight(store.create_upload("k", content_type="a/b", token="t"))
    whole = {}
    for number, body, cut in requests:
        place = {"number": number, "offset": (number - 1) * 6}
        with store.receive_part("k", upload_id, **place, expected=Expected(size=6)) as receiver:
            for start in range(0, min(cut, 6), chunk_size):
                receiver.write(body[start : min(start + chunk_size, cut, 6)])
            if cut >= 6:
                assert receiver.finish() == hashlib.md5(body).hexdigest()
                whole[number] = body
            elif not (whole.get(number) or b"").startswith(body[:cut]):
                whole.pop(number, None)
    data = (store._layout.uploads / upload_id / "data").read_bytes()
    listing = run_straight(store.list_parts("k", upload_id))
    assert {part.part_number for part in listing} == set(whole)
    for part in listing:
        begin = (part.part_number - 1) * 6
        assert hashlib.md5(data[begin : begin + 6]).hexdigest() == part.etag
    if set(whole) == set(range(1, len(whole) + 1)) and whole:
        run_straight(store.complete_upload("k", upload_id, listing))
        content = run_straight(Bench(store=store, send=None).content("k"))
        assert content == b"".join(whole[number] for number in sorted(whole))


@pytest.mark.parametrize("algorithm", list(ChecksumAlgorithm))
def test_every_algorithm_is_known_here(root, algorithm):
    assert run_straight(new_store(root).create_upload("k", content_type="a/b", token="t", checksum_algorithm=algorithm))


def test_a_receiver_refuses_more_bytes_and_a_second_end(root):
    store = new_store(root)
    upload_id = run_straight(store.create_upload("k", content_type="a/b", token="t"))
    with store.receive_part("k", upload_id, number=1, offset=0, expected=Expected(size=3)) as receiver:
        with pytest.raises(StoreRefused, match="more than the 3"):
            receiver.write(b"long")
        receiver.write(b"abc")
        receiver.finish()
        with pytest.raises(StoreRefused):
            receiver.finish()


def test_a_checksum_that_is_none_is_refused_before_a_byte_comes(root):
    store = new_store(root)
    wrong = Expected(size=3, algorithm=ChecksumAlgorithm.CRC32, checksum="no base64")
    with pytest.raises(StoreRefused) as refused:
        store.receive_object("k", content_type="a/b", token="t", expected=wrong)
    assert refused.value.facts["store_code"] == "InvalidDigest"


def test_an_upload_completed_elsewhere_is_gone_for_who_holds_it_open(root):
    store = new_store(root)
    upload_id = run_straight(store.create_upload("k", content_type="a/b", token="t"))
    with store.receive_part("k", upload_id, number=1, offset=0, expected=Expected(size=3)) as receiver:
        run_straight(store.abort_upload("k", upload_id))
        with pytest.raises(UploadGone):
            receiver.write(b"abc")


def test_parts_without_offsets_are_refused(root):
    from partway.core.ports import PartToSign

    with pytest.raises(InvalidInput, match="offset"):
        run_straight(new_store(root).sign_parts("k", "u", [PartToSign(2, 5)], expires_in=60))


def test_a_root_that_is_a_file_is_a_wrong_setting(root):
    path = root / "a-file"
    path.write_text("")
    with pytest.raises(Misconfigured, match="cannot be used"):
        BlockingLocalStore(path, secret_key="s")


def test_old_scratch_is_swept_and_new_is_not(root):
    store = new_store(root)
    scratch = store._layout.scratch
    for name, age in (("old", 8 * 24 * 3600), ("new", 60)):
        (scratch / name).mkdir()
        moment = (scratch / name).stat().st_mtime - age
        os.utime(scratch / name, (moment, moment))
    BlockingLocalStore(store._layout.root, secret_key="s")
    assert [path.name for path in scratch.iterdir()] == ["new"]


@pytest.mark.parametrize(("number", "code"), [(28, "InsufficientStorage"), (122, "InsufficientStorage"), (5, None)])
def test_the_disks_errors_are_ours(number, code):
    with pytest.raises(StoreUnavailable) as raised, disk_errors():
        raise OSError(number, os.strerror(number))
    assert raised.value.facts.get("store_code") == code


def test_without_awscrt_its_checksums_are_refused_and_the_others_work(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "awscrt.checksums", None)
    store = new_store(root)
    for algorithm in (ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.CRC64NVME):
        with pytest.raises(InvalidInput, match="awscrt") as refused:
            run_straight(store.create_upload("k", content_type="a/b", token="t", checksum_algorithm=algorithm))
        assert refused.value.error_code == "invalid_checksum"
    assert run_straight(
        store.create_upload("k", content_type="a/b", token="t", checksum_algorithm=ChecksumAlgorithm.SHA256)
    )
