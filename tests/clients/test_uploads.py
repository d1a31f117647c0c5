"""Uploads against the real service: whole, resumed after a kill on either side, and never mixed."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from partway.client import Client
from partway.client.spec import UploadSpec
from partway.errors import Conflict, InvalidInput, NotFound, PartwayError, Refused
from tests.clients.conftest import MIB, downloaded, sha256
from tests.servers.fault_proxy import FaultProxy
from tests.servers.service import PARTWAY, Service

MakeFile = Callable[..., Path]
PART = 5 * MIB


@pytest.mark.parametrize("checksum", ["crc32", "sha256", "md5", None])
@pytest.mark.parametrize("size", [0, 1, 70_000, 3 * PART, 3 * PART + 1])
def test_a_file_comes_back_as_it_was(
    client: Client, make_file: MakeFile, tmp_path: Path, size: int, checksum: str | None
) -> None:
    path = make_file(size)
    file = client.upload(path, checksum=checksum, part_size=PART)
    assert (file.upload_status, file.file_size, file.file_name) == ("completed", size, "file.bin")
    assert downloaded(client, file.id, tmp_path) == sha256(path)


def test_the_server_plans_where_the_caller_does_not(client: Client, make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file(20 * MIB)
    assert downloaded(client, client.upload(path).id, tmp_path) == sha256(path)


def test_what_is_said_of_a_file_is_kept(client: Client, make_file: MakeFile) -> None:
    file = client.upload(
        make_file(10, name="a.PDF"),
        description="a scan",
        metadata={"case": 7},
        is_public=True,
        parent=("case", 7),
        folder="scans/2026",
    )
    assert file.file_content_type == "application/pdf"
    assert (file.description, file.metadata, file.is_public) == ("a scan", {"case": 7}, True)
    assert (file.parent_content_type, file.parent_object_id) == ("case", 7)
    assert "/scans/2026/" in file.s3_key
    assert [found.id for found in client.list(parent=("case", 7), search="a.pdf")] == [file.id]


def test_streams_that_seek_are_uploaded_whole(client: Client, make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file(2 * PART + 9)
    stream = io.BytesIO(path.read_bytes())
    stream.seek(100)
    file = client.upload(stream, name="stream.bin", part_size=PART)
    assert downloaded(client, file.id, tmp_path) == sha256(path)
    with path.open("rb") as opened:
        again = client.upload(opened, part_size=PART)
    assert again.file_name == "file.bin"
    assert downloaded(client, again.id, tmp_path) == sha256(path)


def test_progress_ends_at_the_whole(client: Client, make_file: MakeFile) -> None:
    told: list[tuple[int, int]] = []
    client.upload(make_file(3 * PART), part_size=PART, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3 * PART, 3 * PART)
    assert all(0 <= done <= total for done, total in told)


@pytest.mark.parametrize("what", ["missing.bin", "."])
def test_what_is_no_file_is_refused(client: Client, tmp_path: Path, what: str) -> None:
    with pytest.raises(InvalidInput):
        client.upload(tmp_path / what)


def test_text_and_pipes_are_refused(client: Client, make_file: MakeFile) -> None:
    with make_file(5).open(encoding="latin-1") as text, pytest.raises(InvalidInput, match="binary"):
        client.upload(text, name="x")  # type: ignore[arg-type]
    read, write = os.pipe()
    os.close(write)
    with os.fdopen(read, "rb") as pipe, pytest.raises(InvalidInput, match="cannot seek"):
        client.upload(pipe, name="x")


def stopped_half_way(
    proxy: FaultProxy, path: Path, *, parts: int, checksum: str | None = "crc32", url: str | None = None
) -> None:
    """Let a client send some parts through the proxy and then die by SIGKILL: nothing is tidied up.

    Args:
        url: of the service, if the proxy stands before the store only.
    """
    seen = threading.Semaphore(0)

    def fault(method: str, target: str, count: int) -> None:
        if method == "PUT":
            seen.release()

    proxy.fault = fault
    arguments = [PARTWAY, "upload", path, "--server", url or proxy.url, "--part-size", str(PART), "--workers", "1"]
    process = subprocess.Popen([*arguments, "--quiet", *([] if checksum else ["--no-checksum"])])
    for _ in range(parts + 1):
        assert seen.acquire(timeout=30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    proxy.fault = lambda method, target, count: None


def parts_held(client: Client, upload_id: str) -> set[int]:
    """The numbers of the parts that the store holds, once that stays the same."""
    before: set[int] | None = None
    while True:
        state = client._call("GET", f"/files/uploads/{upload_id}")
        now = {part["part_number"] for part in state["uploaded_parts"]}
        if now == before:
            return now
        before = now
        time.sleep(0.3)


@pytest.mark.parametrize("checksum", ["crc32", None])
def test_a_killed_client_sends_only_what_is_missing(
    client: Client, proxy: FaultProxy, make_file: MakeFile, tmp_path: Path, checksum: str | None
) -> None:
    path = make_file(8 * PART + 17, name=f"killed-{checksum}.bin")
    proxy.delay = 0.05
    stopped_half_way(proxy, path, parts=3, checksum=checksum)
    (upload,) = [each for each in client.list(status="uploading") if each.file_name == path.name]
    held = parts_held(client, upload.id)
    assert held

    proxy.log.clear()
    with Client(proxy.url, patience=30) as second:
        file = second.upload(path, part_size=PART, checksum=checksum)
    assert file.id == upload.id
    assert len(proxy.puts()) == 9 - len(held)
    assert downloaded(client, file.id, tmp_path) == sha256(path)


def test_another_name_of_the_same_content_goes_on_too(
    client: Client, proxy: FaultProxy, make_file: MakeFile, tmp_path: Path
) -> None:
    path = make_file(4 * PART, name="first-name.bin")
    stopped_half_way(proxy, path, parts=1)
    (upload,) = [each for each in client.list(status="uploading") if each.file_name == path.name]
    file = client.upload(path.rename(tmp_path / "second-name.bin"), part_size=PART)
    assert (file.id, file.name) == (upload.id, "second-name.bin")


@pytest.mark.parametrize("checksum", ["crc32", None])
def test_a_changed_file_begins_anew(
    client: Client, proxy: FaultProxy, make_file: MakeFile, tmp_path: Path, checksum: str | None
) -> None:
    path = make_file(6 * PART, name=f"changed-{checksum}.bin")
    stopped_half_way(proxy, path, parts=2, checksum=checksum)
    (upload,) = [each for each in client.list(status="uploading") if each.file_name == path.name]
    held = parts_held(client, upload.id)
    # One byte of a part that is uploaded, between the samples of the fingerprint: it stays the same.
    with path.open("r+b") as file:
        file.seek((min(held) - 1) * PART + 200_000)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    done = client.upload(path, part_size=PART, checksum=checksum)
    assert done.id != upload.id
    assert downloaded(client, done.id, tmp_path) == sha256(path)


def test_no_resume_begins_anew(client: Client, proxy: FaultProxy, make_file: MakeFile) -> None:
    path = make_file(4 * PART, name="anew.bin")
    stopped_half_way(proxy, path, parts=1)
    (upload,) = [each for each in client.list(status="uploading") if each.file_name == path.name]
    assert client.upload(path, part_size=PART, resume=False).id != upload.id
    client.abort(upload.id)
    client.abort(upload.id)
    assert client.get(upload.id).upload_status == "aborted"


def test_two_equal_files_do_not_share_an_upload(service: Service, make_file: MakeFile, tmp_path: Path) -> None:
    one = make_file(4 * PART, name="one.bin", seed=5)
    two = make_file(4 * PART, name="two.bin", seed=5)
    with Client(service.url) as client:
        items = [(str(path), UploadSpec(file_name=path.name, part_size=PART)) for path in (one, two)]
        outcomes = list(client.upload_many(items))
        assert {outcome.file.file_name for outcome in outcomes if outcome.file} == {"one.bin", "two.bin"}
        assert len({outcome.file.id for outcome in outcomes if outcome.file}) == 2


def test_a_running_client_outlives_a_killed_server(make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file(12 * PART + 5)
    with Service(tmp_path / "data") as service:
        proxy = FaultProxy(service.port)
        proxy.delay = 0.05
        killed = threading.Event()

        def fault(method: str, target: str, count: int) -> None:
            if method == "PUT" and count == 5 and not killed.is_set():
                killed.set()
                service.kill()
                threading.Timer(1.0, service.start).start()

        proxy.fault = fault
        with Client(proxy.url, patience=60) as client:
            file = client.upload(path, part_size=PART)
            assert killed.is_set()
            assert downloaded(client, file.id, tmp_path) == sha256(path)
        proxy.close()


def test_a_file_that_changes_meanwhile_is_not_completed(client: Client, proxy: FaultProxy, make_file: MakeFile) -> None:
    path = make_file(4 * PART, name="moving.bin")
    proxy.delay = 0.05

    def fault(method: str, target: str, count: int) -> None:
        if method == "PUT" and count == 1:
            with path.open("r+b") as file:
                file.write(b"changed")

    proxy.fault = fault
    with Client(proxy.url, patience=5) as watched, pytest.raises(Refused) as caught:
        watched.upload(path, part_size=PART)
    assert caught.value.error_code == "file_changed"
    (upload,) = [each for each in client.list(status="uploading") if each.file_name == path.name]
    client.abort(upload.id)


def test_a_file_that_becomes_shorter_is_refused(client: Client, proxy: FaultProxy, make_file: MakeFile) -> None:
    path = make_file(4 * PART, name="shrinking.bin")

    def fault(method: str, target: str, count: int) -> None:
        if method == "PUT" and count == 0:
            os.truncate(path, PART // 2)

    proxy.fault, proxy.delay = fault, 0.1
    with Client(proxy.url, patience=5, workers=1) as watched, pytest.raises(PartwayError) as caught:
        watched.upload(path, part_size=PART)
    assert caught.value.error_code == "file_changed"


def test_an_upload_aborted_by_another_says_so(client: Client, proxy: FaultProxy, make_file: MakeFile) -> None:
    path = make_file(6 * PART, name="aborted.bin")
    proxy.delay = 0.05

    def fault(method: str, target: str, count: int) -> None:
        if method == "PUT" and count == 2:
            (upload,) = [each for each in client.list(status="uploading") if each.file_name == path.name]
            client.abort(upload.id)

    proxy.fault = fault
    with Client(proxy.url, patience=5, workers=1) as watched, pytest.raises(Conflict) as caught:
        watched.upload(path, part_size=PART)
    assert caught.value.error_code == "upload_aborted"


def test_many_small_files_and_a_large_one(client: Client, make_file: MakeFile, tmp_path: Path) -> None:
    paths = [make_file(1000 + i, name=f"many/{i}.bin") for i in range(230)] + [make_file(9 * MIB, name="large.bin")]
    items = [(str(path), UploadSpec(file_name=path.name)) for path in paths]
    items.append((str(tmp_path / "gone.bin"), UploadSpec(file_name="gone.bin")))
    items.append((str(paths[0]), UploadSpec(file_name="bad\x00name")))
    outcomes = {(outcome.path, outcome.error is None): outcome for outcome in client.upload_many(items)}
    failed = [outcome for outcome in outcomes.values() if outcome.error]
    assert {outcome.error.error_code for outcome in failed if outcome.error} == {"file_unreadable", "invalid_file_name"}
    done = {outcome.path: outcome.file for outcome in outcomes.values() if outcome.file}
    assert set(done) == {str(path) for path in paths}
    for path in (paths[0], paths[129], paths[-1]):
        assert downloaded(client, done[str(path)].id, tmp_path) == sha256(path)


def test_leaving_many_files_early_stops_the_rest(service: Service, make_file: MakeFile) -> None:
    paths = [make_file(PART, name=f"left/{i}.bin") for i in range(8)]
    with Client(service.url) as client:
        before = threading.active_count()
        outcomes = client.upload_many([(str(path), UploadSpec(file_name=path.name, part_size=PART)) for path in paths])
        next(outcomes)
        outcomes.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_files_are_found_changed_and_deleted(client: Client, make_file: MakeFile) -> None:
    file = client.upload(make_file(5, name="life.bin"))
    assert client.get(file.id) == file
    assert client.update(file.id, name="new", metadata={"a": 1}).name == "new"
    assert client.presigned_url(file.id, expiry=60).url.startswith("http")
    client.delete(file.id)
    assert file.id in {each.id for each in client.list(deleted=True)}
    client.delete(file.id, hard=True)
    with pytest.raises(NotFound):
        client.get(file.id)


def test_the_listing_goes_over_all_pages(client: Client, make_file: MakeFile) -> None:
    path = make_file(3)
    spec = UploadSpec(file_name="paged.bin", parent_content_type="page", parent_object_id=1)
    ids = {outcome.file.id for outcome in client.upload_many([(str(path), spec)] * 203) if outcome.file}
    assert len(ids) == 203
    assert {file.id for file in client.list(parent=("page", 1))} == ids


def test_the_whole_process_stays_small(tmp_path: Path) -> None:
    """Peak memory does not grow with the file."""
    from tests.servers.null_service import NullService

    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(1024 * MIB)
    script = (
        "import sys; from partway.cli.main import cli\n"
        "try: cli(sys.argv[1:])\n"
        "finally: print(open('/proc/self/status').read())"
    )
    with NullService() as sink:
        done = subprocess.run(
            [sys.executable, "-c", script, "upload", path, "--server", sink.url, "--quiet"],
            check=True,
            capture_output=True,
            text=True,
        )
        assert (sink.parts, sink.bytes) == (64, 1024 * MIB)
    peak = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert peak is not None
    assert int(peak[1]) < 64 * 1024
