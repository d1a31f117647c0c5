"""What a SIGKILL leaves on disk is whole or resumable, and processes on one root do not hurt each other."""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from partway.core.blocking import run_straight
from partway.core.parts import MIB
from partway.core.ports import PartToSign
from partway.errors import PartwayError, StoreRefused, UploadGone
from partway.stores.contract import Bench
from partway.stores.local.receiving import Expected
from tests.servers.local_store import LocalStoreServer, open_store

SEED = 20260101


def body_of(name: str, number: int) -> bytes:
    """Bytes that can be told again from the upload's name and the part's number."""
    return hashlib.sha256(f"{name}/{number}".encode()).digest() * (5 * MIB // 32 if number == 1 else 1)


def work(root: Path, name: str) -> None:
    """Upload and complete forever, over few keys so that objects are overwritten too."""
    store = open_store(root)
    for turn in range(1_000_000):
        key = f"{name}/{turn % 3}/file~"
        upload_id = run_straight(store.create_upload(key, content_type="a/b", token=f"{name}-{turn}"))
        print(json.dumps([key, upload_id, f"{name}-{turn}"]), flush=True)
        for number, offset in ((1, 0), (2, 5 * MIB)):
            body = body_of(f"{name}-{turn}", number)
            expected = Expected(size=len(body))
            with store.receive_part(key, upload_id, number=number, offset=offset, expected=expected) as receiver:
                for start in range(0, len(body), MIB):
                    receiver.write(body[start : start + MIB])
                receiver.finish()
        run_straight(store.complete_upload(key, upload_id, run_straight(store.list_parts(key, upload_id))))


def test_a_killed_process_leaves_whole_objects_and_resumable_uploads(tmp_path):
    pause = random.Random(SEED)
    for life in range(8):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.contracts.test_local_store_crashes", str(tmp_path), f"life{life}"],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        started = [process.stdout.readline() for _ in range(2)]
        time.sleep(pause.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        started += process.communicate()[0].splitlines()
        begun = [json.loads(line) for line in started if line.strip().endswith("]")]
        assert begun
        for key, upload_id, token in begun:
            look_at(tmp_path, key, upload_id, token)


def look_at(root: Path, key: str, upload_id: str, token: str) -> None:
    """Expect an open upload that can be finished, or a whole object."""
    store = open_store(root)
    if upload_id in run_straight(store.find_uploads(key)):
        resume(store, key, upload_id, token)
    stored = run_straight(store.head(key))
    assert stored is not None  # an object that is replaced is there at every moment
    content = run_straight(Bench(store=store, send=None).content(key))
    assert content == body_of(stored.token, 1) + body_of(stored.token, 2)


def resume(store, key, upload_id, token):
    held = {part.part_number: part for part in run_straight(store.list_parts(key, upload_id))}
    for number, offset in ((1, 0), (2, 5 * MIB)):
        body = body_of(token, number)
        if number in held:
            assert held[number].etag == hashlib.md5(body).hexdigest()
            continue
        with store.receive_part(
            key, upload_id, number=number, offset=offset, expected=Expected(size=len(body))
        ) as receiver:
            receiver.write(body)
            receiver.finish()
    run_straight(store.complete_upload(key, upload_id, run_straight(store.list_parts(key, upload_id))))
    stored = run_straight(store.head(key))
    assert stored.token == token


def test_a_killed_server_leaves_the_upload_resumable(tmp_path):
    server = LocalStoreServer(tmp_path).start()
    bench = Bench(store=open_store(tmp_path), send=server.send)
    key, size = bench.key(), 8 * MIB
    upload_id = run_straight(bench.create(key))
    bodies = [os.urandom(size) for _ in range(4)]

    def put(index):
        part = run_straight(bench.sign_part(key, upload_id, PartToSign(index + 1, size, offset=index * size)))
        try:
            return run_straight(bench.put(part, bodies[index])).status
        except Exception as error:  # the killed server's connections break in many ways
            return error

    assert put(0) == 200
    with ThreadPoolExecutor(3) as pool:
        sending = [pool.submit(put, index) for index in (1, 2, 3)]
        time.sleep(0.02)
        server.kill()
        answers = [future.result() for future in sending]
    held = {part.part_number: part.etag for part in run_straight(bench.store.list_parts(key, upload_id))}
    assert held[1] == hashlib.md5(bodies[0]).hexdigest()
    assert all(index + 2 in held for index, answer in enumerate(answers) if answer == 200)
    assert all(etag == hashlib.md5(bodies[number - 1]).hexdigest() for number, etag in held.items())
    with LocalStoreServer(tmp_path) as server:
        bench = Bench(store=open_store(tmp_path), send=server.send)
        for index in range(4):
            if index + 1 not in held:
                assert put(index) == 200
        parts = run_straight(bench.store.list_parts(key, upload_id))
        run_straight(bench.store.complete_upload(key, upload_id, parts))
        assert run_straight(bench.content(key)) == b"".join(bodies)


def test_of_many_completions_one_wins_and_all_agree(tmp_path):
    stores = [open_store(tmp_path) for _ in range(6)]
    upload_id = run_straight(stores[0].create_upload("k", content_type="a/b", token="t"))
    with stores[0].receive_part("k", upload_id, number=1, offset=0, expected=Expected(size=5)) as receiver:
        receiver.write(b"whole")
        receiver.finish()
    parts = run_straight(stores[0].list_parts("k", upload_id))

    def complete(store):
        try:
            run_straight(store.complete_upload("k", upload_id, parts))
        except UploadGone:
            return "gone"
        return "completed"

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(complete, stores))
    assert sorted(outcomes) == ["completed", *["gone"] * 5]
    assert run_straight(Bench(store=stores[0], send=None).content("k")) == b"whole"


def test_an_object_is_there_while_it_is_replaced(tmp_path):
    store = open_store(tmp_path)
    over = threading.Event()

    def replace_often():
        for turn in range(60):
            put_part_and_complete(store, "k", b"%03d" % turn)
        over.set()

    def read_often():
        seen = set()
        while not over.is_set():
            stored = run_straight(store.head("k"))
            seen.add(run_straight(Bench(store=store, send=None).content("k")))
            assert stored is not None
        return seen

    put_part_and_complete(store, "k", b"old")
    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read_often) for _ in range(2)]
        pool.submit(replace_often).result()
        assert all(len(content) == 3 for reader in readers for content in reader.result())
    assert run_straight(Bench(store=store, send=None).content("k")) == b"059"
    assert list((tmp_path / "uploads").iterdir()) == list((tmp_path / "scratch").iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "objects/k~").iterdir()) == ["data", "object.json"]


def put_part_and_complete(store, key, body):
    upload_id = run_straight(store.create_upload(key, content_type="a/b", token="t"))
    with store.receive_part(key, upload_id, number=1, offset=0, expected=Expected(size=len(body))) as receiver:
        receiver.write(body)
        receiver.finish()
    run_straight(store.complete_upload(key, upload_id, run_straight(store.list_parts(key, upload_id))))


def test_of_many_conditional_puts_one_wins(tmp_path):
    store = open_store(tmp_path)

    def put(letter):
        try:
            expected = Expected(size=3)
            with store.receive_object("a/b/c", content_type="a/b", token=letter, expected=expected) as receiver:
                receiver.write(letter.encode() * 3)
                receiver.finish()
        except StoreRefused as refused:
            return refused.facts["store_code"]
        return letter

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(put, "abcdefgh"))
    winners = [outcome for outcome in outcomes if outcome in "abcdefgh"]
    assert len(winners) == 1
    assert set(outcomes) - set(winners) == {"PreconditionFailed"}
    assert run_straight(Bench(store=store, send=None).content("a/b/c")) == winners[0].encode() * 3
    assert list((tmp_path / "scratch").iterdir()) == []


def test_objects_appear_while_their_folders_are_removed(tmp_path):
    """Deleting prunes empty folders; a rival that puts an object there meanwhile does not lose it."""
    store = open_store(tmp_path)

    def churn(name):
        key = f"deep/er/{name}"
        for _ in range(30):
            with store.receive_object(key, content_type="a/b", token="t", expected=Expected(size=1)) as receiver:
                receiver.write(b"x")
                receiver.finish()
            assert run_straight(store.head(key)) is not None
            run_straight(store.delete(key))
            assert run_straight(store.head(key)) is None

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(churn, "abcd"))
    assert list((tmp_path / "objects").iterdir()) == []


@pytest.mark.parametrize("where", ["objects/linked", "objects/linked~", "objects/in/linked~"])
def test_no_link_is_followed(tmp_path, where):
    root, outside = tmp_path / "root", tmp_path / "outside"
    store = open_store(root)
    for folder in (outside, outside / "x~"):
        folder.mkdir()
        put_by_hand(folder)
    link = root / where
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)
    for key in ("linked", "linked/x", "in/linked"):
        assert found(store, key) is None
        for deed in (store.delete(key), store.create_upload(key + "/new", content_type="a/b", token="t")):
            with contextlib.suppress(PartwayError):
                run_straight(deed)
    if where == "objects/linked":
        with pytest.raises(PartwayError):
            store.receive_object("linked/new", content_type="a/b", token="t", expected=Expected(size=0))
    assert run_straight(store.list_objects("")).objects == []
    assert run_straight(store.list_objects("linked/")).objects == []
    assert sorted(path.name for path in outside.iterdir()) == ["data", "object.json", "x~"]
    assert (outside / "x~" / "data").read_bytes() == b"secret"


def put_by_hand(folder):
    said = {"size": 6, "etag": "e", "content_type": "a/b", "token": "t", "checksum": None}
    (folder / "object.json").write_text(json.dumps({**said, "last_modified": "2026-01-01T00:00:00+00:00"}))
    (folder / "data").write_bytes(b"secret")


def found(store, key):
    try:
        return run_straight(store.head(key))
    except PartwayError:
        return None


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2])
