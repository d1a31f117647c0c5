"""Beginning an upload over HTTP: the service against the same endpoint written with FastAPI and boto3."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import Goal, Result, Settings, interleaved, ratio
from benchmarks.load import Job
from benchmarks.peers import credentials_env
from benchmarks.saturation import COLUMNS, REST, RULE, SERVER, Sample, cells, measurement
from benchmarks.servers import module_server, postgres, seaweedfs, service, token

ROUNDS = 5
_PART_SIZE = 16 * 1024 * 1024  #: bytes
_WANTED = {1000: 40, 20: 4}  #: URLs in the answer: times as many requests


class _Contender(NamedTuple):
    port: int
    pid: int
    path: str
    headers: dict[str, str]


def run(settings: Settings) -> Result:
    """Requests per second with 1,000 and with 20 URLs in the answer."""
    result = Result(
        "Beginning an upload",
        "`POST …/uploads` from 24 connections to one server process on a core of its own; SeaweedFS, PostgreSQL and "
        "the load generator have the other. Partway checks a JWT and writes to its records twice per request: "
        "SQLite waits for the disk each time, but not with `synchronous=normal`; PostgreSQL has `fsync=off`. The "
        "peer is the same endpoint in FastAPI and uvicorn with boto3 (`create_multipart_upload`, then "
        "`generate_presigned_url` with `s3v4` for each part, answered with orjson), without callers and records. "
        f"{RULE}",
        ["", "URLs", *COLUMNS],
    )
    with settings.folder() as folder, ExitStack() as stack:
        contenders = _start(folder, stack)
        for urls, wanted in _WANTED.items():
            samples = interleaved(
                settings.rounds, {name: _measure(settings, each, urls) for name, each in contenders.items()}
            )
            for name, found in samples.items():
                result.rows.append([name, f"{urls:,}", *cells(found)])
            rates = {name: [each.rate for each in found] for name, found in samples.items()}
            peer = rates.pop("boto3")
            for name, mine in rates.items():
                result.goals.append(Goal(f"{urls:,} URLs, {name} / boto3", ratio(mine, peer), wanted))
    return result


def _start(folder: Path, stack: ExitStack) -> dict[str, _Contender]:
    store = stack.enter_context(seaweedfs(folder, cores=REST))
    database = stack.enter_context(postgres(cores=REST)).new_database()
    headers = {"Authorization": f"Bearer {token()}"}
    contenders = {}
    urls = {
        "Partway, SQLite": f"sqlite:///{folder}/full.db",
        "Partway, SQLite, synchronous=normal": f"sqlite:///{folder}/normal.db?synchronous=normal",
        "Partway, PostgreSQL": database,
    }
    for name, url in urls.items():
        env = {"PARTWAY_DATABASE_URL": url}
        running = stack.enter_context(service(folder, store=store, env=env, cores=SERVER))
        contenders[name] = _Contender(running.port, running.pid, "/v1/files/uploads", headers)
    env = {
        **os.environ,
        **credentials_env(store.access_key, store.secret_key),
        "PEER_ENDPOINT": store.endpoint,
        "PEER_BUCKET": store.new_bucket(),
    }
    port, pid = stack.enter_context(module_server("benchmarks.peer_service", env, cores=SERVER))
    contenders["boto3"] = _Contender(port, pid, "/uploads", {})
    return contenders


def _measure(settings: Settings, contender: _Contender, urls: int) -> Callable[[], Sample]:
    body = {
        "file_name": "video.mp4",
        "file_size": urls * _PART_SIZE,
        "file_content_type": "video/mp4",
        "num_parts": urls,
        "part_size": _PART_SIZE,
    }
    job = Job(port=contender.port, path=contender.path, body=json.dumps(body), headers=contender.headers)
    return measurement(job, pid=contender.pid, quick=settings.quick)
