"""What networks and stores do: resets, stalls, refusals before the end, lost and cut answers, expired URLs."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partway.client import Client
from partway.client.spec import UploadSpec
from partway.client.stopping import Stop, Stopped
from partway.errors import NotAuthenticated, PartwayError, StoreRefused, Unreachable
from tests.clients.conftest import MIB, downloaded, sha256
from tests.servers.fault_proxy import EXPIRED, CutAnswer, Fault, FaultProxy, LoseAnswer, Reply, Reset, Stall
from tests.servers.ports import free_port
from tests.servers.service import Service

MakeFile = Callable[..., Path]
PART = 5 * MIB


def on(method: str, *faults: Fault, part: str = "") -> Callable[[str, str, int], Fault | None]:
    """The first requests of a method (with this in their target) meet these faults, one each."""
    left = list(faults)

    def fault(seen: str, target: str, count: int) -> Fault | None:
        return left.pop(0) if seen == method and part in target and left else None

    return fault


@pytest.mark.parametrize(
    "faults",
    [
        [Reset()],
        [Reset(PART // 2), Reset(1), Reset(PART - 1)],
        [LoseAnswer(), LoseAnswer()],
        [CutAnswer(5), CutAnswer(60)],
        [Reply(503, headers="Retry-After: 1\r\n"), Reply(500), Reply(502), Reply(504), Reply(429), Reply(408)],
        [Reply(400, "<Error><Code>RequestTimeout</Code></Error>")],
        [EXPIRED, EXPIRED, EXPIRED],
        [Reply(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>once</Message></Error>")],
        [Stall(0), Stall(MIB)],
    ],
    ids=lambda faults: "-".join(type(fault).__name__ for fault in faults),
)
def test_what_passes_is_waited_out(proxy: FaultProxy, make_file: MakeFile, tmp_path: Path, faults: list[Fault]) -> None:
    path = make_file(4 * PART + 3)
    proxy.fault = on("PUT", *faults)
    with Client(proxy.url, patience=30, timeout=1.5) as client:
        file = client.upload(path, part_size=PART)
        assert downloaded(client, file.id, tmp_path) == sha256(path)


@pytest.mark.parametrize(
    "fault", [Reset(), LoseAnswer(), CutAnswer(), Reply(503), Reply(502)], ids=lambda fault: type(fault).__name__
)
def test_every_call_of_an_upload_is_tried_again(
    proxy: FaultProxy, make_file: MakeFile, tmp_path: Path, fault: Fault
) -> None:
    path = make_file(10 * PART)
    proxy.fault = on("POST", *[each for each in [fault] for _ in range(3)])
    with Client(proxy.url, patience=30, workers=2) as client:
        file = client.upload(path, part_size=PART)
        proxy.fault = on("POST", fault, part="/complete")
        again = client.upload(path, part_size=PART)
        proxy.fault = on("GET", fault, fault)
        assert client.get(file.id).id == file.id
        assert downloaded(client, again.id, tmp_path) == sha256(path)
        assert [each.id for each in client.list(fingerprint=None)].count(file.id) == 1


def test_a_lost_answer_to_an_initiation_makes_no_second_upload(proxy: FaultProxy, make_file: MakeFile) -> None:
    path = make_file(3, name="once.bin")
    proxy.fault = on("POST", LoseAnswer(), LoseAnswer())
    with Client(proxy.url, patience=30) as client:
        client.upload(path)
        assert [each.file_name for each in client.list(status="all", search="once.bin")] == ["once.bin"]


def test_a_refusal_is_told_in_the_stores_words(proxy: FaultProxy, make_file: MakeFile) -> None:
    refusal = Reply(403, "<Error><Code>AccessDenied</Code><Message>Not yours.</Message></Error>")
    proxy.fault = lambda method, target, count: refusal if method == "PUT" else None
    with Client(proxy.url, patience=30) as client, pytest.raises(StoreRefused, match=r"AccessDenied: Not yours\."):
        client.upload(make_file(3 * PART), part_size=PART)
    assert sum(method == "PUT" for method, _, _ in proxy.log) <= 3 * 2


def test_a_damaged_part_is_sent_again_and_not_for_ever(proxy: FaultProxy, make_file: MakeFile) -> None:
    damage = Reply(400, "<Error><Code>BadDigest</Code></Error>")
    path = make_file(2 * PART)
    proxy.fault = on("PUT", damage)
    with Client(proxy.url, patience=30) as client:
        assert client.upload(path, part_size=PART).upload_status == "completed"
        proxy.fault = lambda method, target, count: damage if method == "PUT" else None
        with pytest.raises(StoreRefused, match="BadDigest"):
            client.upload(path, part_size=PART)


def test_small_files_meet_the_same_patience(proxy: FaultProxy, make_file: MakeFile, tmp_path: Path) -> None:
    paths = [make_file(900 + i, name=f"small/{i}") for i in range(20)]
    proxy.fault = on("PUT", Reset(), EXPIRED, Reply(503), LoseAnswer(), CutAnswer(), Reset(10))
    with Client(proxy.url, patience=30) as client:
        outcomes = list(client.upload_many([(str(path), UploadSpec(file_name=path.name)) for path in paths]))
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        for outcome in outcomes[:6]:
            assert outcome.file is not None
            assert downloaded(client, outcome.file.id, tmp_path) == sha256(Path(outcome.path))


def test_patience_ends(make_file: MakeFile) -> None:
    with Client(f"http://127.0.0.1:{free_port()}", patience=0.5) as client, pytest.raises(Unreachable):
        client.upload(make_file(3))


def test_a_store_that_stays_away_is_given_up(proxy: FaultProxy, make_file: MakeFile) -> None:
    proxy.fault = lambda method, target, count: Reset() if method == "PUT" else None
    with Client(proxy.url, patience=1) as client, pytest.raises(PartwayError) as caught:
        client.upload(make_file(2 * PART, name="given-up.bin"), part_size=PART)
    assert caught.value.error_code == "unreachable"


def test_what_is_not_partway_is_named(proxy: FaultProxy) -> None:
    proxy.fault = lambda method, target, count: Reply(404, "<html>")
    with Client(proxy.url) as client, pytest.raises(PartwayError, match="not an answer of a Partway service"):
        client.get("x")


def test_a_download_is_resumed_and_compared(proxy: FaultProxy, make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file(6 * MIB)
    target = tmp_path / "target.bin"
    with Client(proxy.url, patience=30) as client:
        file = client.upload(path)
        proxy.fault = on("GET", CutAnswer(3 * MIB), EXPIRED, CutAnswer(2 * MIB), Reply(503), part="/store/")
        client.download(file.id, target)
        assert sha256(target) == sha256(path)
        asked = [target for method, target, _ in proxy.log if method == "GET" and "/store/" in target]
        assert len(asked) == 5
        assert not list(tmp_path.glob("*.part"))


def test_a_download_goes_on_in_the_next_run_and_drops_what_is_wrong(
    client: Client, make_file: MakeFile, tmp_path: Path
) -> None:
    path = make_file(3 * MIB)
    file = client.upload(path)
    half = tmp_path / f".{file.id}.part"
    half.write_bytes(path.read_bytes()[: 2 * MIB])
    told: list[int] = []
    client.download(file.id, tmp_path / "a", progress=lambda done, total: told.append(done))
    assert sha256(tmp_path / "a") == sha256(path)
    half.write_bytes(b"\0" * MIB)
    with pytest.raises(PartwayError) as caught:
        client.download(file.id, tmp_path / "b")
    assert caught.value.error_code == "checksum_mismatch"
    assert not half.exists()
    assert not (tmp_path / "b").exists()
    with pytest.raises(PartwayError) as caught:
        client.download(file.id, tmp_path / "a")
    assert caught.value.error_code == "file_exists"


def test_a_stop_ends_a_transfer_that_stands_still(proxy: FaultProxy, make_file: MakeFile) -> None:
    import threading

    proxy.fault = lambda method, target, count: Stall(MIB) if method == "PUT" else None
    stop = Stop()
    with Client(proxy.url, timeout=60) as client:
        threading.Timer(0.7, stop.set).start()
        with pytest.raises(Stopped):
            client.with_stop(stop).upload(make_file(3 * PART), part_size=PART)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, with its key."""
    path = tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", path, "-out", tmp_path / "part.pem"], check=True, capture_output=True)
    path.write_text(path.read_text() + (tmp_path / "part.pem").read_text())
    return path


@pytest.fixture
def tls_proxy(certificate: Path, tmp_path: Path) -> Iterator[FaultProxy]:
    """The service behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    port = free_port()
    proxy = FaultProxy(port, tls=context)
    with Service(tmp_path / "tls-data", env={"PARTWAY_PUBLIC_URL": proxy.url}, port=port):
        yield proxy
    proxy.close()


def test_tls_does_the_same(
    tls_proxy: FaultProxy, certificate: Path, make_file: MakeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_file(5 * PART + 1)
    with Client(tls_proxy.url, patience=30) as client, pytest.raises(Unreachable, match="certificate"):
        client.upload(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_proxy.fault = on("PUT", EXPIRED, Reset(MIB), LoseAnswer())
    with Client(tls_proxy.url, patience=30) as client:
        file = client.upload(path, part_size=PART)
        assert downloaded(client, file.id, tmp_path) == sha256(path)
    assert any(isinstance(fault, Reset) for _, _, fault in tls_proxy.log)


def test_tokens_may_come_from_a_function(tmp_path: Path, make_file: MakeFile) -> None:
    import jwt

    secret = "a secret of at least thirty-two bytes"
    good = jwt.encode({"sub": "alice", "exp": int(time.time()) + 60}, secret)
    tokens = iter(["stale", good])
    last = ""

    def token() -> str:
        nonlocal last
        last = next(tokens, last)
        return last

    with Service(tmp_path / "auth-data", env={"PARTWAY_JWT_SECRET": secret}) as service:
        with Client(service.url, token="wrong") as client, pytest.raises(NotAuthenticated):
            client.upload(make_file(3))
        with Client(service.url, token=token) as client:
            assert client.upload(make_file(3)).created_by == "alice"
