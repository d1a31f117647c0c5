"""SeaweedFS as a process of its own: the real store of the tests, with signatures checked."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from partway.core.blocking import run_straight
from partway.s3.bucket_cors import CorsRule
from partway.stores.s3 import S3Settings, S3Store
from partway.stores.s3.administration import BucketAdministration

_PORTS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
_START_TIMEOUT = 60.0  # seconds
_WEBHOOK = "[notification.webhook]\nenabled = true\nendpoint = {}\nbearer_token = {}\n"


class SeaweedFS:
    """One SeaweedFS on 127.0.0.1 that keeps its data in `directory` and its ports for life.

    Args:
        directory: for its data, its identities and its log; made if need be.
        webhook: where it sends its notifications, and the bearer token that it brings.
    """

    def __init__(self, directory: Path, *, webhook: tuple[str, str] | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._webhook = webhook
        self._ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        self.access_key = f"AK{secrets.token_hex(9).upper()}"
        self.secret_key = secrets.token_hex(20)
        self.region = "us-east-1"
        self._sse_key = secrets.token_hex(32)

    @property
    def endpoint(self) -> str:
        """The URL of its S3 interface."""
        return f"http://127.0.0.1:{self._ports['s3.port']}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def settings(self, bucket: str) -> S3Settings:
        """What a store over one of its buckets is connected with."""
        return S3Settings(
            bucket=bucket,
            region=self.region,
            endpoint_url=self.endpoint,
            access_key=self.access_key,
            secret_key=self.secret_key,
        )

    def start(self) -> SeaweedFS:
        """Start it, or start it again on its data, and return once it answers."""
        identity = {"accessKey": self.access_key, "secretKey": self.secret_key}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identities = {"identities": [{"name": "tests", "credentials": [identity], "actions": actions}]}
        config = self._directory / "identities.json"
        config.write_text(json.dumps(identities))
        # Without a key of its own it answers 500 to whoever asks it to encrypt.
        (self._directory / "security.toml").write_text(f'[s3.sse]\nkek = "{self._sse_key}"\n')
        if self._webhook is not None:
            (self._directory / "notification.toml").write_text(_WEBHOOK.format(*map(json.dumps, self._webhook)))
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(config), cwd=self._directory, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._wait()
        return self

    def new_bucket(self, *, cors_origins: Sequence[str] = ()) -> str:
        """A fresh, empty bucket, to which pages of these origins may send parts."""
        # In a thread of its own: a test that drives a browser has an event loop in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._make_bucket, cors_origins).result()

    def _make_bucket(self, cors_origins: Sequence[str]) -> str:
        bucket = f"bucket-{secrets.token_hex(6)}"
        store = S3Store.connect_blocking(self.settings(bucket))
        administration = BucketAdministration(store.calls)
        run_straight(administration.create())
        if cors_origins:
            run_straight(administration.set_cors([CorsRule(origins=cors_origins)]))
        run_straight(store.aclose())
        return bucket

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it. Its data stay; nothing waits for them to be tidied up."""
        self.kill()

    def _command(self, config: Path) -> list[str]:
        options = {
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "dir": str(self._directory / "data"),
            "s3.config": str(config),
            "s3.localSocket": "",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "volume.max": 500,
            "master.volumeSizeLimitMB": 128,
            "webdav": "false",
            "admin.ui": "false",
            **self._ports,
        }
        (self._directory / "data").mkdir(exist_ok=True)
        weed = Path(sys.executable).with_name("weed")
        return [str(weed), "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in options.items())]

    def _wait(self) -> None:
        end = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"SeaweedFS ended at once; see {self._directory / 'log'}")
            try:
                urllib.request.urlopen(self.endpoint, timeout=2).close()
            except urllib.error.HTTPError as refusal:
                refusal.close()  # it asks for a signature: it is up
                return
            except OSError:
                time.sleep(0.05)
        self.kill()
        raise TimeoutError(f"SeaweedFS did not answer in {_START_TIMEOUT} seconds")


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
