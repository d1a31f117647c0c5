"""An application takes its store's notifications itself, and SNS asks it whether it wants them."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from partway.errors import StoreError, StoreUnavailable
from partway.fastapi import install_problem_handlers, notifications_router
from partway.fastapi.notifications import visit
from partway.records.memory import MemoryRecords
from partway.service.app import create_app
from partway.service.settings import read_settings
from partway.stores.memory import MemoryStore
from tests.servers.ports import free_port, wait_for_port

TOKEN = "a token of the application's"
CONFIRMATION = (
    "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:x:1:t&Token=2336"
)


class Confirmations:
    """Notes what is confirmed, or cannot."""

    def __init__(self) -> None:
        self.visited: list[str] = []
        self.down = False

    async def __call__(self, url: str) -> None:
        self.visited.append(url)
        if self.down:
            raise StoreUnavailable("SNS does not answer.")


@pytest.fixture
def confirmations() -> Confirmations:
    return Confirmations()


@pytest.fixture
def application(confirmations: Confirmations) -> Iterator[str]:
    app = FastAPI()
    app.include_router(
        notifications_router(
            store=MemoryStore(),
            records=MemoryRecords(),
            token=TOKEN,
            bucket="bucket",
            prefix="/own",
            confirm=confirmations,
        )
    )
    install_problem_handlers(app)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for_port(port)
    yield f"http://127.0.0.1:{port}/own/notifications/s3"
    server.should_exit = True
    thread.join()


def asked(address: str, *, token: str = TOKEN, url: str = CONFIRMATION) -> requests.Response:
    body = {"Type": "SubscriptionConfirmation", "TopicArn": "arn:aws:sns:x:1:t", "SubscribeURL": url}
    return requests.post(address, json=body, auth=("partway", token), timeout=10)


def test_a_subscription_is_confirmed_for_who_has_the_token(application: str, confirmations: Confirmations) -> None:
    assert asked(application).status_code == 200
    assert confirmations.visited == [CONFIRMATION]
    assert asked(application, token="another").status_code == 401
    assert asked(application, url=CONFIRMATION.replace("https", "http")).status_code == 422
    assert confirmations.visited == [CONFIRMATION]
    confirmations.down = True
    answer = asked(application)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_records_that_know_no_keys_are_said_at_once() -> None:
    class Plain:
        """Records without optional powers."""

    records: Any = Plain()
    with pytest.raises(StoreError) as refusal:
        notifications_router(store=MemoryStore(), records=records, token=TOKEN, bucket="bucket")
    assert refusal.value.error_code == "not_supported"


class Sns(BaseHTTPRequestHandler):
    """Confirms, refuses or points elsewhere, by what the query says."""

    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(int(self.path.rpartition("=")[2]))
        self.send_header("Location", "/elsewhere?status=200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    path.write_bytes(
        signed.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@contextmanager
def sns(certificate: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths that were asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    handler = type("Seeing", (Sns,), {"seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}", handler.seen  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_a_visit_follows_no_redirect(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with sns(certificate) as (address, seen):
        asyncio.run(visit(f"{address}/?Action=ConfirmSubscription&status=200"))
        for status in (302, 403, 500):
            with pytest.raises(StoreUnavailable):
                asyncio.run(visit(f"{address}/?status={status}"))
    assert seen == ["/?Action=ConfirmSubscription&status=200", "/?status=302", "/?status=403", "/?status=500"]


def test_a_visit_trusts_no_certificate_that_is_not_trusted(certificate: Path) -> None:
    with sns(certificate) as (address, seen), pytest.raises(StoreUnavailable):
        asyncio.run(visit(f"{address}/?status=200"))
    assert seen == []


def test_a_visit_to_nobody_is_to_be_tried_again() -> None:
    with pytest.raises(StoreUnavailable):
        asyncio.run(visit(f"https://127.0.0.1:{free_port()}/?status=200"))


@pytest.mark.parametrize("token", [None, "a token of at least thirty-two bytes"])
def test_the_service_takes_notifications_only_where_a_token_is_set(tmp_path: Path, token: str | None) -> None:
    app = create_app(read_settings({"PARTWAY_NOTIFICATION_TOKEN": token or ""}, data_dir=tmp_path))
    assert ("/v1/notifications/s3" in app.openapi()["paths"]) is (token is not None)
