"""A file through the server: `POST /v1/files/upload` against `UploadFile` and `upload_fileobj`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from tests.servers.service import Service

from benchmarks.contents import write_random
from benchmarks.harness import MIB, Goal, Result, Settings, cpu_of, interleaved, ratio, run_measured, spread
from benchmarks.peers import boto3_client, credentials_env
from benchmarks.servers import module_server, seaweedfs, service, token
from benchmarks.sinks import sink
from benchmarks.watching import Watch

ROUNDS = 5
_SIZE = 1024 * MIB
_QUICK_SIZE = 16 * MIB
_LARGE_SIZE = 2048 * MIB
_MOST_MEMORY = 120  #: MiB of the whole process
_MINE, _PEER, _LOCAL = "Partway", "UploadFile and boto3", "Partway, local store"
_MINE_NULL, _PEER_NULL = f"{_MINE}, null store", f"{_PEER}, null store"
_BLOCK = MIB  #: bytes read at once of what was stored


class _Source(NamedTuple):
    path: Path
    digest: str  #: SHA-256, in hex
    size: int  #: bytes


class _Bucket(NamedTuple):
    """An empty bucket in a fresh store."""

    endpoint: str
    name: str
    access_key: str
    secret_key: str
    keeps: bool  #: what it is given; else the sizes alone

    @property
    def keys(self) -> dict[str, str]:
        """The environment that gives access to it."""
        return credentials_env(self.access_key, self.secret_key)


class _Uploaded(NamedTuple):
    """What one upload took."""

    rate: float  #: MiB/s, from the start of the client to the answer
    cpu: float  #: seconds of the server
    start: float  #: MiB of memory, of the server that has just been started
    peak: float  #: MiB of memory
    spooled: float  #: MiB in temporary files

    @property
    def grown(self) -> float:
        """MiB of memory beyond those at the start."""
        return self.peak - self.start


class _Readable(Protocol):
    def read(self, size: int) -> bytes: ...


#: Uploads a file to a fresh server.
_Contender = Callable[[Settings, _Source], _Uploaded]
#: Starts a store, whose data are in a folder.
_Opened = Callable[[Path], AbstractContextManager[_Bucket]]


def run(settings: Settings) -> Result:
    """Throughput, and what the server needs for it: CPU, memory, temporary files."""
    size = _QUICK_SIZE if settings.quick else _SIZE
    result = Result(
        "A file through the server",
        f"{size // MIB:,} MiB in a form sent by curl to one server process, which passes them on to SeaweedFS on the "
        "same machine; client, server and store share the cores, and all are fresh each time. Partway is the running "
        "service with default settings and records in SQLite. The peer is the endpoint that one writes first, in "
        "FastAPI and uvicorn: `UploadFile`, then boto3's `upload_fileobj` with `s3v4`; it has neither callers nor "
        "records. Memory is resident, beyond that of the server at its start, at the peak as the kernel counts it. "
        "Temporary files are what the server has open below its `TMPDIR`, by their size on the disk. What was stored "
        "was read back, and its SHA-256 is the source's. SeaweedFS takes most of both cores and so sets the pace of "
        "both; the rows with a null store show the two servers alone: in its place is one that drops all bytes in the "
        "kernel and costs next to nothing. It keeps the sizes of parts and objects only, so there the size was "
        "compared and the content was not. What was written before is on the disk (`sync`) when the clock starts.",
        ["", "MiB/s", "server's CPU, s", "more memory, MiB", "all memory, MiB", "temporary files, MiB"],
    )
    contenders: dict[str, _Contender] = {
        _MINE: partial(_upload_to_service, _seaweedfs_bucket),
        _PEER: partial(_upload_to_peer, _seaweedfs_bucket),
        _MINE_NULL: partial(_upload_to_service, _null_bucket),
        _PEER_NULL: partial(_upload_to_peer, _null_bucket),
        _LOCAL: _upload_to_disk,
    }
    found = _measured(settings, contenders, size)
    result.goals = _goals(found)
    if not settings.quick:
        found |= (large := _measured_large(settings))
        for name, uploads in large.items():
            peak = max(each.peak for each in uploads)
            result.goals.append(Goal(f"all memory, {name}", peak, _MOST_MEMORY, at_most=True, unit="MiB"))
    result.rows = [[name, *_cells(uploads)] for name, uploads in found.items()]
    return result


def _measured(settings: Settings, contenders: Mapping[str, _Contender], size: int) -> dict[str, list[_Uploaded]]:
    with settings.folder() as folder:
        path = write_random(folder / "video.mp4", size)
        with path.open("rb") as file:
            source = _Source(path, _digest_of(file), size)
        return interleaved(
            settings.rounds, {name: partial(upload, settings, source) for name, upload in contenders.items()}
        )


def _measured_large(settings: Settings) -> dict[str, list[_Uploaded]]:
    """Once: memory differs little."""
    contenders: dict[str, _Contender] = {
        _MINE: partial(_upload_to_service, _seaweedfs_bucket),
        _LOCAL: _upload_to_disk,
    }
    found = _measured(replace(settings, rounds=1), contenders, _LARGE_SIZE)
    return {f"{name}, {_LARGE_SIZE // MIB:,} MiB": uploads for name, uploads in found.items()}


def _cells(uploads: list[_Uploaded]) -> list[str]:
    return [
        spread([each.rate for each in uploads], digits=0),
        spread([each.cpu for each in uploads]),
        spread([each.grown for each in uploads], digits=1),
        spread([each.peak for each in uploads], digits=1),
        spread([each.spooled for each in uploads], digits=0),
    ]


def _goals(found: Mapping[str, list[_Uploaded]]) -> list[Goal]:
    mine, peer = found[_MINE], found[_PEER]
    text = f"{_MINE} / {_PEER}"
    grown = ratio([each.grown for each in mine], [each.grown for each in peer])
    spooled = ratio([each.spooled for each in mine], [each.spooled for each in peer])
    return [
        Goal(f"throughput, {text}", _faster(mine, peer), 1.5),
        Goal(f"throughput, {text}, null store", _faster(found[_MINE_NULL], found[_PEER_NULL]), 1.5),
        Goal(f"more memory, {text}", grown, 0.2, at_most=True),
        Goal(f"temporary files, {text}", spooled, 0.2, at_most=True),
    ]


def _faster(these: list[_Uploaded], those: list[_Uploaded]) -> float:
    return ratio([each.rate for each in these], [each.rate for each in those])


@contextmanager
def _seaweedfs_bucket(folder: Path) -> Iterator[_Bucket]:
    with seaweedfs(folder) as store:
        yield _Bucket(store.endpoint, store.new_bucket(), store.access_key, store.secret_key, keeps=True)


@contextmanager
def _null_bucket(_folder: Path) -> Iterator[_Bucket]:
    with sink("s3") as endpoint:
        yield _Bucket(endpoint, "bucket", "key", "secret", keeps=False)


def _upload_to_service(opened: _Opened, settings: Settings, source: _Source) -> _Uploaded:
    with settings.folder() as folder, opened(folder) as bucket:
        temporary = _new_temporary(folder)
        env = {
            **bucket.keys,
            "S3_ENDPOINT_URL": bucket.endpoint,
            "S3_BUCKET_NAME": bucket.name,
            "TMPDIR": str(temporary),
        }
        with service(folder, env=env) as running:
            uploaded = _send(running.pid, f"{running.url}/v1/files/upload", source, temporary)
        _check_bucket(bucket, source)
    return uploaded


def _upload_to_peer(opened: _Opened, settings: Settings, source: _Source) -> _Uploaded:
    with settings.folder() as folder, opened(folder) as bucket:
        temporary = _new_temporary(folder)
        env = {
            **os.environ,
            **bucket.keys,
            "PEER_ENDPOINT": bucket.endpoint,
            "PEER_BUCKET": bucket.name,
            "TMPDIR": str(temporary),
        }
        with module_server("benchmarks.peer_proxied", env) as (port, pid):
            uploaded = _send(pid, f"http://127.0.0.1:{port}/upload", source, temporary)
        _check_bucket(bucket, source)
    return uploaded


def _upload_to_disk(settings: Settings, source: _Source) -> _Uploaded:
    with settings.folder() as folder:
        temporary = _new_temporary(folder)
        with service(folder, env={"TMPDIR": str(temporary)}) as running:
            uploaded = _send(running.pid, f"{running.url}/v1/files/upload", source, temporary)
            _check_service(running, source)
    return uploaded


def _new_temporary(folder: Path) -> Path:
    temporary = folder / "temporary"
    temporary.mkdir()
    return temporary


def _send(pid: int, url: str, source: _Source, temporary: Path) -> _Uploaded:
    """Send the form with curl, to a disk that is at rest.

    Raises:
        RuntimeError: the server did not take it.
    """
    curl = shutil.which("curl")
    if curl is None:
        raise SystemExit("curl is missing; install it")
    command = [curl, "-sS", "--fail-with-body", "-H", f"Authorization: Bearer {token()}", "-F", f"file=@{source.path}"]
    os.sync()
    before = cpu_of(pid)
    with Watch(pid, temporary) as watch:
        client = run_measured([*command, url])
    cpu = cpu_of(pid) - before
    rate = source.size / MIB / client.seconds
    return _Uploaded(rate, cpu, watch.start / MIB, watch.peak / MIB, watch.spooled / MIB)


def _check_bucket(bucket: _Bucket, source: _Source) -> None:
    """Raise `RuntimeError` unless the bucket's one object is the source, as far as the store can say."""
    client = boto3_client(bucket.endpoint, bucket.access_key, bucket.secret_key)
    (stored,) = client.list_objects_v2(Bucket=bucket.name)["Contents"]
    if stored["Size"] != source.size:
        raise RuntimeError(f"{stored['Size']} bytes were stored, not {source.size}")
    if bucket.keeps:
        _check(client.get_object(Bucket=bucket.name, Key=stored["Key"])["Body"], source)


def _check_service(running: Service, source: _Source) -> None:
    """Raise `RuntimeError` unless the service's one file is the source."""
    headers = {"Authorization": f"Bearer {token()}"}
    with urllib.request.urlopen(urllib.request.Request(f"{running.url}/v1/files", headers=headers)) as answer:
        (file,) = json.load(answer)["results"]
    url = f"{running.url}/v1/files/{file['id']}/download"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as content:
        _check(content, source)


def _check(content: _Readable, source: _Source) -> None:
    if (digest := _digest_of(content)) != source.digest:
        raise RuntimeError(f"the SHA-256 of what was stored is {digest}, not {source.digest}")


def _digest_of(content: _Readable) -> str:
    digest = hashlib.sha256()
    while block := content.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
