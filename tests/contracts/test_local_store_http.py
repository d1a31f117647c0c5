"""The local store over real HTTP, its server in another process on the same root."""

import hashlib
import http.client
import os
import socket
import threading
import time
from contextlib import closing
from urllib.parse import urlsplit

import psutil
import pytest

from partway.core.blocking import run_straight
from partway.core.parts import MIB, StoredPart
from partway.core.ports import PartToSign
from partway.stores.contract import CHECKS, Bench
from tests.servers.local_store import LocalStoreServer, open_store


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("local-store")


@pytest.fixture(scope="module")
def server(root):
    with LocalStoreServer(root) as server:
        yield server


@pytest.fixture
def bench(root, server):
    return Bench(store=open_store(root), send=server.send)


@pytest.mark.parametrize("name", CHECKS)
def test_passes_the_contract(name, bench):
    run_straight(CHECKS[name](bench))


def test_passes_behind_a_path_prefix(tmp_path):
    with LocalStoreServer(tmp_path, prefix="/api") as server:
        bench = Bench(store=open_store(tmp_path), send=server.send)
        run_straight(CHECKS["parts_make_the_object"](bench))


class Upload:
    """An open upload and one signed part of it."""

    def __init__(self, bench, *, size, number=1, offset=0):
        self.bench, self.number = bench, number
        self.key = bench.key("part.bin")
        self.id = run_straight(bench.create(self.key))
        self.signed = run_straight(bench.sign_part(self.key, self.id, PartToSign(number, size, offset=offset)))
        self.size = size

    @property
    def held(self):
        return run_straight(self.bench.store.list_parts(self.key, self.id))

    def put(self, body):
        return run_straight(self.bench.put(self.signed, body))

    def complete(self):
        run_straight(self.bench.store.complete_upload(self.key, self.id, self.held))
        return run_straight(self.bench.content(self.key))


def raw_put(server, url, *, headers):
    """A connection with the request's head sent, and nothing of its body."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection.sendall(f"PUT {url} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    return connection


def status_of(connection):
    response = http.client.HTTPResponse(connection)
    response.begin()
    with closing(response):
        return response.status, response.read()


def test_an_oversized_length_is_refused_before_a_byte_is_sent(bench, server):
    upload = Upload(bench, size=5)
    with raw_put(server, upload.signed.url, headers={"Content-Length": "5000000000"}) as connection:
        status, body = status_of(connection)
    assert status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in body


def test_a_body_without_length_is_refused(bench, server):
    upload = Upload(bench, size=5)
    with raw_put(server, upload.signed.url, headers={"Transfer-Encoding": "chunked"}) as connection:
        status, body = status_of(connection)
    assert status == 411
    assert b"<Code>MissingContentLength</Code>" in body


def test_a_client_that_goes_away_leaves_nothing_counted(bench, server):
    upload = Upload(bench, size=3 * MIB)
    with raw_put(server, upload.signed.url, headers={"Content-Length": str(3 * MIB)}) as connection:
        connection.sendall(bytes(2 * MIB))
    time.sleep(0.2)
    assert upload.held == []
    assert upload.put(b"x" * 3 * MIB).status == 200
    assert upload.complete() == b"x" * 3 * MIB


def test_a_newer_request_takes_over_from_one_that_stalls(bench, server):
    upload = Upload(bench, size=3 * MIB)
    with raw_put(server, upload.signed.url, headers={"Content-Length": str(3 * MIB)}) as stalled:
        stalled.sendall(b"a" * (MIB + 1))
        time.sleep(0.2)
        assert upload.put(b"b" * 3 * MIB).status == 200
        stalled.sendall(b"a" * (2 * MIB - 1))
        status, body = status_of(stalled)
    assert status == 409
    assert b"<Code>OperationAborted</Code>" in body
    assert upload.complete() == b"b" * 3 * MIB


def test_a_broken_repetition_does_not_uncount_the_part(bench, server):
    upload = Upload(bench, size=3 * MIB)
    body = os.urandom(3 * MIB)
    upload.put(body)
    with raw_put(server, upload.signed.url, headers={"Content-Length": str(3 * MIB)}) as connection:
        connection.sendall(body[: 2 * MIB])
    time.sleep(0.2)
    assert [part.etag for part in upload.held] == [hashlib.md5(body).hexdigest()]
    assert upload.complete() == body


def test_a_broken_change_uncounts_the_part_rather_than_lie(bench, server):
    upload = Upload(bench, size=3 * MIB)
    upload.put(bytes(3 * MIB))
    with raw_put(server, upload.signed.url, headers={"Content-Length": str(3 * MIB)}) as connection:
        connection.sendall(bytes(MIB) + b"x" * MIB)
        time.sleep(0.2)
    time.sleep(0.2)
    assert upload.held == []


def test_an_upload_that_is_completed_meanwhile_takes_no_more_bytes(bench, server):
    key = bench.key()
    upload_id = run_straight(bench.create(key))
    parts = run_straight(bench.send_parts(key, upload_id, [b"whole"]))
    later = run_straight(bench.sign_part(key, upload_id, PartToSign(2, 3 * MIB, offset=5)))
    with raw_put(server, later.url, headers={"Content-Length": str(3 * MIB)}) as connection:
        connection.sendall(bytes(2 * MIB))
        time.sleep(0.2)
        run_straight(bench.store.complete_upload(key, upload_id, parts))
        connection.sendall(bytes(MIB))
        status, _ = status_of(connection)
    assert status == 404
    assert run_straight(bench.content(key)) == b"whole"
    assert (bench.store._layout.object_folder(key) / "data").stat().st_size == 5


def test_many_requests_for_one_part_leave_one_of_them_whole(bench):
    upload = Upload(bench, size=2 * MIB)
    bodies = [bytes([letter]) * (2 * MIB) for letter in b"abcdef"]
    answers = []
    threads = [threading.Thread(target=lambda body=body: answers.append(upload.put(body).status)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {200, 409}
    assert 200 in answers
    assert upload.complete() in bodies


def test_memory_stays_flat_while_a_large_part_comes(bench, server):
    upload = Upload(bench, size=192 * MIB)
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    peak = 0
    with raw_put(server, upload.signed.url, headers={"Content-Length": str(192 * MIB)}) as connection:
        for _ in range(192):
            connection.sendall(bytes(MIB))
            peak = max(peak, process.memory_info().rss)
        status, _ = status_of(connection)
    assert status == 200
    assert peak - before < 48 * MIB


def test_memory_stays_bounded_while_many_parts_come_slowly(bench, server):
    uploads = [Upload(bench, size=4 * MIB) for _ in range(100)]
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    headers = {"Content-Length": str(4 * MIB)}
    connections = [raw_put(server, upload.signed.url, headers=headers) for upload in uploads]
    peak = 0
    for _ in range(31):
        for connection in connections:
            connection.sendall(bytes(MIB // 16))
        peak = max(peak, process.memory_info().rss)
    for connection in connections:
        connection.close()
    assert peak - before < 64 * MIB


def test_a_full_disk_is_answered_507_and_leaves_a_clean_state(tmp_path):
    with LocalStoreServer(tmp_path, max_file_size=8 * MIB) as server:
        bench = Bench(store=open_store(tmp_path), send=server.send)
        upload = Upload(bench, size=16 * MIB)
        answer = upload.put(bytes(16 * MIB))
        assert answer.status == 507
        assert b"<Code>InsufficientStorage</Code>" in answer.body
        assert upload.held == []
        assert run_straight(bench.send_part(upload.key, upload.id, 1, b"fits"))
        run_straight(bench.store.abort_upload(upload.key, upload.id))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.fixture(scope="module")
def stored(root, server):
    bench = Bench(store=open_store(root), send=server.send)
    run_straight(bench.store_object(bench.key(), b"0123456789"))
    return bench


def get(bench, *, method="GET", **headers):
    signed = run_straight(bench.store.sign_download(bench.key(), expires_in=60))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return run_straight(bench.send(method, signed.url, named, b""))


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=0-" + "9" * 5000, 200, b"0123456789", None),
    ],
)
def test_ranges(stored, asked, status, content, content_range):
    answer = get(stored, Range=asked)
    assert (answer.status, answer.body) == (status, content)
    assert answer.headers.get("content-range") == content_range
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_a_range_outside_is_416_and_tells_the_size(stored, asked):
    answer = get(stored, Range=asked)
    assert answer.status == 416
    assert answer.headers["content-range"] == "bytes */10"
    assert b"<Code>InvalidRange</Code>" in answer.body


def test_conditional_requests(stored):
    etag = get(stored).headers["etag"]
    unchanged = get(stored, If_None_Match=etag)
    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", etag)
    assert get(stored, If_None_Match='"other"').status == 200
    assert get(stored, If_Match=etag).status == 200
    assert get(stored, If_Match='"other"').status == 412
    assert get(stored, Range="bytes=0-1", If_Range=etag).status == 206
    assert get(stored, Range="bytes=0-1", If_Range='"other"').status == 200


def test_head_says_what_get_would_send(stored):
    answer = get(stored, method="HEAD")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "10")
    assert answer.headers["last-modified"].endswith("GMT")


def test_served_files_cannot_act_in_the_services_origin(stored):
    headers = get(stored).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox;")


def test_every_origin_may_read_what_it_has_a_url_for(stored, bench):
    for answer in (get(stored), get(stored, Range="bytes=99-"), Upload(bench, size=1).put(b"x")):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert "ETag" in answer.headers["access-control-expose-headers"]


def test_a_preflight_is_allowed(bench):
    upload = Upload(bench, size=1)
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type,x-amz-checksum-crc32",
    }
    answer = run_straight(bench.send("OPTIONS", upload.signed.url, asked, b""))
    assert answer.status == 200
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "content-type,x-amz-checksum-crc32"


@pytest.mark.parametrize("path", ["/store/", "/store/a", "/store/../../etc/passwd", "/store/%2e%2e/%2e%2e/etc/passwd"])
def test_unsigned_requests_get_nothing(bench, path):
    for method in ("GET", "PUT"):
        answer = run_straight(bench.send(method, path, {}, b""))
        assert answer.status in {403, 404}


def test_an_ancient_url_life_is_capped(bench):
    upload = Upload(bench, size=1)
    signed = run_straight(
        bench.store.sign_parts(upload.key, upload.id, [PartToSign(1, 1)], expires_in=10 * 365 * 24 * 3600)
    )
    assert signed.expires_in == 7 * 24 * 3600
    assert run_straight(bench.put(signed.parts[0], b"x")).status == 200


def test_urls_begin_at_the_public_url(tmp_path):
    from partway.stores.local import BlockingLocalStore

    store = BlockingLocalStore(tmp_path, secret_key="s", public_url="https://files.example/api/")
    signed = run_straight(store.sign_download("a/b c", expires_in=60))
    assert signed.url.startswith("https://files.example/api/store/a/b%20c?")
    relative = run_straight(BlockingLocalStore(tmp_path, secret_key="s").sign_download("a/b c", expires_in=60))
    assert urlsplit(relative.url).path == "/store/a/b%20c"
    assert not urlsplit(relative.url).netloc


def test_a_part_list_that_does_not_lie_in_a_row_is_refused(bench):
    from partway.errors import StoreRefused

    size = bench.store.limits.min_part_size
    upload = Upload(bench, size=size, number=2, offset=size)
    upload.put(bytes(size))
    (part,) = upload.held
    with pytest.raises(StoreRefused, match="does not begin"):
        run_straight(bench.store.complete_upload(upload.key, upload.id, [part]))
    first = run_straight(bench.sign_part(upload.key, upload.id, PartToSign(1, 3)))
    assert run_straight(bench.put(first, b"abc")).status == 200
    claimed = [StoredPart(part_number=1, size=3, etag=hashlib.md5(b"abc").hexdigest()), part]
    with pytest.raises(StoreRefused):
        run_straight(bench.store.complete_upload(upload.key, upload.id, claimed))
