"""Attempts at a real server: what comes of them, and where they may not go."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from partway.core.webhooks import Answer
from partway.webhooks.sender import AiohttpSender
from tests.servers.ports import free_port
from tests.servers.receiver import Receiver, Reply

HEADERS = {"webhook-id": "1", "content-type": "application/json"}
BODY = b'{"type":"t","data":{}}'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


def post(*urls: str, allow_private: bool = True, timeout: float = 15) -> list[Answer]:
    async def run() -> list[Answer]:
        sender = AiohttpSender(allow_private=allow_private, timeout=timeout)
        try:
            return [await sender.post(url, headers=HEADERS, body=BODY) for url in urls]
        finally:
            await sender.aclose()

    return asyncio.run(run())


def test_what_is_posted_arrives_as_it_is(receiver: Receiver) -> None:
    assert post(f"{receiver.url}?a=%2F&b=+c") == [Answer(status=200)]
    (told,) = receiver.told
    assert told.body == BODY
    assert HEADERS.items() <= told.headers.items()
    assert told.headers["user-agent"].startswith("Partway/")


def test_a_connection_serves_again(receiver: Receiver) -> None:
    post(receiver.url, receiver.url, receiver.url)
    assert receiver.connections == 1


@pytest.mark.parametrize("status", [204, 301, 307, 308, 404, 410, 500])
def test_the_status_counts_and_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    elsewhere = Receiver()
    receiver.answer = lambda told: Reply(status, {"Location": elsewhere.url, "Retry-After": "7"})
    assert post(receiver.url) == [Answer(status=status, retry_after="7")]
    elsewhere.stop()
    assert elsewhere.connections == 0


def test_what_goes_wrong_is_said(receiver: Receiver) -> None:
    receiver.answer = lambda told: Reply(reset=True)
    assert post(receiver.url) == [Answer(trouble="Connection reset by peer")]
    receiver.answer = lambda told: Reply(hang=True)
    assert post(receiver.url, timeout=0.2) == [Answer(trouble="no answer within 0.2 s")]
    assert post(f"http://127.0.0.1:{free_port()}") == [Answer(trouble="Connection refused")]


def test_an_endless_answer_is_not_read(receiver: Receiver) -> None:
    receiver.answer = lambda told: Reply(endless=True)
    assert post(receiver.url, receiver.url) == [Answer(status=200)] * 2
    assert receiver.connections == 2


def test_no_word_of_a_failure_holds_the_url(receiver: Receiver) -> None:
    for url in (f"http://127.0.0.1:{free_port()}/secret", "https://secret.invalid/secret", receiver.url + "/secret"):
        for private in (True, False):
            receiver.answer = lambda told: Reply(reset=True)
            (answer,) = post(url, allow_private=private)
            assert answer.trouble
            assert "secret" not in answer.trouble


@contextmanager
def talker(says: bytes, *, certificate: Path | None = None) -> Iterator[int]:
    """A server that says something to each connection and closes it; its port."""
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        secured.load_cert_chain(certificate)

    def talk() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with suppress(OSError), connection:
                    connection.settimeout(5)
                    talking = secured.wrap_socket(connection, server_side=True) if certificate else connection
                    talking.recv(1000)
                    talking.sendall(says)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=talk)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_server_that_speaks_no_http_is_a_failure() -> None:
    with talker(b"SSH-2.0-nonsense\r\n\r\n") as port:
        (answer,) = post(f"http://127.0.0.1:{port}")
    assert answer == Answer(trouble="ClientResponseError")
    with talker(b"") as port:
        assert post(f"http://127.0.0.1:{port}") == [Answer(trouble="it closed the connection without an answer")]


def test_a_certificate_must_be_good(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(self_signed())
    with talker(b"HTTP/1.1 200 OK\r\n\r\n", certificate=certificate) as port:
        (answer,) = post(f"https://localhost:{port}")
    assert answer.status is None
    assert "self-signed certificate" in answer.trouble


def self_signed() -> bytes:
    """A key and its certificate for localhost, which nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",  # a name that leads there
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "10.0.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "224.0.0.1",
    ],
)
def test_private_addresses_are_refused_before_a_connection(receiver: Receiver, host: str) -> None:
    (answer,) = post(f"http://{host}:{receiver.port}/", allow_private=False, timeout=2)
    assert answer.status is None
    assert answer.trouble.endswith("is not an address of the public internet") or "cannot be used" in answer.trouble
    assert receiver.connections == 0


def test_the_same_name_is_told_if_private_addresses_are_allowed(receiver: Receiver) -> None:
    assert post(f"http://localhost:{receiver.port}/") == [Answer(status=200)]


def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert post(receiver.url) == [Answer(status=200)]
