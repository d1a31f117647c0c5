"""SIGTERM and Ctrl-C: what was accepted is answered, what is under way finishes, and then everything ends."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers.ports import free_port, wait_for_port
from tests.servers.service import PARTWAY, Service

SIZE = 5 * 1024 * 1024
HALF = SIZE // 2
NEW = {"file_name": "a", "file_size": SIZE, "file_content_type": ""}


@pytest.fixture
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    with Service(tmp_path / "data", env=getattr(request, "param", {}), forked=True) as running:
        yield running


class HalfSent:
    """A part on its way to the service's own store: the request is under way until `finish`."""

    def __init__(self, service: Service) -> None:
        begun: dict[str, Any] = requests.post(f"{service.url}/v1/files/uploads", json=NEW, timeout=30).json()
        url = begun["presigned_urls"][0]["url"]
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        self._connection.putrequest("PUT", url[url.index("/store") :])
        self._connection.putheader("Content-Length", str(SIZE))
        self._connection.endheaders(bytes(HALF))

    def finish(self) -> http.client.HTTPResponse:
        self._connection.send(bytes(SIZE - HALF))
        return self._connection.getresponse()

    def is_cut(self) -> bool:
        """Wait until the service has given it up."""
        try:
            self._connection.send(b"more")
            return self._connection.getresponse().status >= 500
        except (OSError, http.client.HTTPException):
            return True


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return True
    return False


def wait_until_refused(port: int) -> None:
    end = time.monotonic() + 20
    while not refuses(port):
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_under_way_finishes(service: Service, number: signal.Signals) -> None:
    sent = HalfSent(service)
    service.send(number)
    wait_until_refused(service.port)
    answer = sent.finish()
    assert (answer.status, answer.headers["Connection"]) == (200, "close")
    assert service.ended() == 0


def test_a_second_sigterm_breaks_nothing(service: Service) -> None:
    sent = HalfSent(service)
    service.send(signal.SIGTERM)
    wait_until_refused(service.port)
    service.send(signal.SIGTERM)
    assert sent.finish().status == 200
    assert service.ended() == 0


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_ctrl_c_ends_the_waiting(service: Service, first: signal.Signals) -> None:
    sent = HalfSent(service)
    service.send(first)
    wait_until_refused(service.port)
    service.send(signal.SIGINT)
    assert service.ended() == 0
    assert sent.is_cut()


@pytest.mark.parametrize("service", [{"PARTWAY_GRACE_TIME": "1"}], indirect=True)
def test_what_never_ends_is_cut_after_the_grace_time(service: Service) -> None:
    sent = HalfSent(service)
    service.send(signal.SIGTERM)
    assert service.ended() == 0
    assert sent.is_cut()


@pytest.mark.parametrize("service", [{"PARTWAY_DRAIN_TIME": "3600"}], indirect=True)
def test_while_it_drains_it_serves_and_says_that_it_is_not_ready(service: Service) -> None:
    with requests.Session() as session:
        assert session.get(f"{service.url}/health/ready", timeout=30).status_code == 200
        service.send(signal.SIGTERM)
        end = time.monotonic() + 20
        while (ready := session.get(f"{service.url}/health/ready", timeout=30)).status_code == 200:
            assert time.monotonic() < end
        assert (ready.status_code, ready.json()["status"]) == (503, "stopping")
        for path in ("/health", "/health/live", "/v1/files"):
            answer = session.get(f"{service.url}{path}", timeout=30)
            assert answer.status_code == (503 if path == "/health" else 200)
            assert answer.headers["Connection"] == "close"
        service.send(signal.SIGTERM)  # changes nothing
        assert session.get(f"{service.url}/health/live", timeout=30).status_code == 200
    service.send(signal.SIGINT)
    assert service.ended() == 0


def test_connections_are_refused_or_answered(service: Service) -> None:
    """However many come in the moment in which it stops to accept."""
    outcomes: list[str] = []

    def come_again() -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
            try:
                connection.connect()
            except OSError:
                outcomes.append("refused")
                return
            try:
                connection.request("GET", "/health/live")
                outcomes.append(str(connection.getresponse().status))
            except (OSError, http.client.HTTPException) as error:
                outcomes.append(repr(error))
            connection.close()

    for _ in range(4):
        threads = [threading.Thread(target=come_again) for _ in range(24)]
        for thread in threads:
            thread.start()
        while len(outcomes) < 50:
            time.sleep(0.001)
        assert service.stop() == 0
        for thread in threads:
            thread.join(30)
        assert set(outcomes) == {"200", "refused"}
        outcomes.clear()
        service.start()


def test_an_idle_connection_does_not_hold_it_up(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port)), requests.Session() as session:
        session.get(f"{service.url}/health/live", timeout=30)
        service.send(signal.SIGTERM)
        assert service.ended() == 0


@pytest.mark.parametrize("kind", ["sse", "websocket"])
def test_streams_do_not_hold_it_up(service: Service, kind: str) -> None:
    begun: dict[str, Any] = requests.post(f"{service.url}/v1/files/uploads", json=NEW, timeout=30).json()
    path = f"/v1/files/uploads/{begun['id']}/{'events' if kind == 'sse' else 'ws'}"
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as stream:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{upgrade if kind == 'websocket' else ''}\r\n"
        stream.sendall(head.encode())
        assert stream.recv(65536).split()[1] == (b"101" if kind == "websocket" else b"200")
        service.send(signal.SIGTERM)
        while stream.recv(65536):  # its end, in order, and long before the grace time
            pass
    assert service.ended() == 0
    assert "Cancel" not in service.log.read_text()  # uvicorn's word for what had to be cut


def test_several_workers_end_together(tmp_path: Path) -> None:
    port = free_port()
    command = [PARTWAY, "serve", "--workers", "2", "--port", str(port), "--data-dir", str(tmp_path)]
    process = subprocess.Popen(command, start_new_session=True)
    wait_for_port(port)
    assert requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=30).status_code == 200
    process.send_signal(signal.SIGTERM)
    wait_until_refused(port)
    assert process.wait(30) == 0
