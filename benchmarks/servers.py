"""The servers that benchmarks stand on, started on chosen cores and ended by their own pid."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import jwt
from tests.servers.ports import free_port, wait_for_port
from tests.servers.postgres import PostgresServer
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import Service

from benchmarks.harness import on_cores
from benchmarks.peers import credentials_env, program

_JWT_SECRET = secrets.token_hex(32)
_USER = "benchmark"
_MAKE_USER = f"from django.contrib.auth.models import User; User.objects.get_or_create(username={_USER!r})"


@contextmanager
def seaweedfs(folder: Path, *, cores: set[int] | None = None) -> Iterator[SeaweedFS]:
    """A fresh SeaweedFS."""
    store = SeaweedFS(folder / "seaweedfs")
    with on_cores(cores):
        store.start()
    try:
        yield store
    finally:
        store.stop()


@contextmanager
def postgres(*, cores: set[int] | None = None) -> Iterator[PostgresServer]:
    """A fresh PostgreSQL."""
    server = PostgresServer()
    with on_cores(cores):
        server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def service(
    folder: Path,
    *,
    store: SeaweedFS | None = None,
    bucket: str | None = None,
    env: Mapping[str, str] | None = None,
    cores: set[int] | None = None,
) -> Iterator[Service]:
    """The service, with authentication: over a bucket of a store, or over the local disk."""
    settings = {"PARTWAY_JWT_SECRET": _JWT_SECRET, **(env or {})}
    if store is not None:
        settings |= {
            "S3_BUCKET_NAME": bucket or store.new_bucket(),
            "S3_ENDPOINT_URL": store.endpoint,
            **credentials_env(store.access_key, store.secret_key),
        }
    running = Service(folder / f"service-{secrets.token_hex(4)}", env=settings)
    with on_cores(cores):
        running.start()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def django_site(store: SeaweedFS, *, database: str, cores: set[int] | None = None) -> Iterator[tuple[int, int]]:
    """The Django project of `django_site` under gunicorn: its port, and the pid of its one worker."""
    env = {
        **os.environ,
        **credentials_env(store.access_key, store.secret_key),
        "DJANGO_SETTINGS_MODULE": "benchmarks.django_site.settings",
        "BENCH_DATABASE_URL": database,
        "BENCH_BUCKET": store.new_bucket(),
        "BENCH_ENDPOINT": store.endpoint,
        "BENCH_SECRET": _JWT_SECRET,
    }
    for command in (["migrate", "--run-syncdb"], ["shell", "-c", _MAKE_USER]):
        manage = [sys.executable, "-m", "django", *command, "-v0", "--pythonpath", "."]
        subprocess.run(manage, env=env, check=True)
    port = free_port()
    options = f"-b 127.0.0.1:{port} --threads 8 --log-level warning django.core.wsgi:get_wsgi_application()"
    with on_cores(cores):
        process = subprocess.Popen([program("gunicorn", package="gunicorn"), *options.split()], env=env)
    try:
        wait_for_port(port)
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30)  # the worker is there when it answers
        worker, *_ = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield port, int(worker)
    finally:
        process.terminate()
        process.wait(30)


def token() -> str:
    """A bearer token for the service, and for the Django project."""
    return jwt.encode({"sub": _USER, "exp": int(time.time()) + 24 * 3600}, _JWT_SECRET)


@contextmanager
def module_server(module: str, env: Mapping[str, str], *, cores: set[int] | None = None) -> Iterator[tuple[int, int]]:
    """A server that is a module of ours and reads its port from `PEER_PORT`: its port and its pid."""
    port = free_port()
    with on_cores(cores):
        process = subprocess.Popen([sys.executable, "-m", module], env={**env, "PEER_PORT": str(port)})
    try:
        wait_for_port(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)
