"""URLs over HTTP without records: the stateless API against the same endpoints written with FastAPI and boto3."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from benchmarks.harness import MIB, Goal, Result, Settings, interleaved, ratio
from benchmarks.load import Job
from benchmarks.peers import credentials_env
from benchmarks.saturation import COLUMNS, REST, RULE, SERVER, cells, measurement
from benchmarks.servers import module_server, seaweedfs

ROUNDS = 5
_PARTS = 1000
_FILE_SIZE = _PARTS * 8 * MIB  #: bytes


class _Server(NamedTuple):
    port: int
    pid: int


class _Case(NamedTuple):
    """What is asked, of Partway and of the peer."""

    text: str
    mine: Mapping[str, str]  #: path and body of a `Job`
    peer: Mapping[str, str]
    wanted: float | None  #: times as many requests


def run(settings: Settings) -> Result:
    """Requests per second for a whole file, and for 1, 20 and 1,000 parts."""
    result = Result(
        "URLs without records",
        "The stateless API in an application of its own, from 24 connections to one server process on a core of its "
        "own; SeaweedFS and the load generator have the other. One file: `POST /upload-url` with a table of file "
        "types. Parts: `POST /upload/presigned-url` for an upload that was begun at the same server, which then "
        "knows it and asks the store no more; Partway signs each part's size, the peer does not. The peer is the same "
        "endpoints in FastAPI and uvicorn with boto3: `async def`, pydantic models for request and response, "
        f"`generate_presigned_url` with `s3v4` for each URL. {RULE}",
        ["", "", *COLUMNS],
    )
    with settings.folder() as folder, ExitStack() as stack:
        mine, peer = _start(folder, stack)
        for case in _cases(mine):
            samples = interleaved(
                settings.rounds,
                {
                    name: measurement(
                        Job(port=server.port, path=asked["path"], body=asked["body"], status=200),
                        pid=server.pid,
                        quick=settings.quick,
                    )
                    for name, server, asked in (("Partway", mine, case.mine), ("boto3", peer, case.peer))
                },
            )
            result.rows += [[case.text, name, *cells(found)] for name, found in samples.items()]
            if case.wanted is not None:
                rates = {name: [each.rate for each in found] for name, found in samples.items()}
                result.goals.append(
                    Goal(f"{case.text}, Partway / boto3", ratio(rates["Partway"], rates["boto3"]), case.wanted)
                )
    return result


def _start(folder: Path, stack: ExitStack) -> tuple[_Server, _Server]:
    store = stack.enter_context(seaweedfs(folder, cores=REST))
    env = {
        **os.environ,
        **credentials_env(store.access_key, store.secret_key),
        "PEER_ENDPOINT": store.endpoint,
        "PEER_BUCKET": store.new_bucket(),
    }
    mine = stack.enter_context(module_server("benchmarks.presign_server", env, cores=SERVER))
    peer = stack.enter_context(module_server("benchmarks.peer_presign", env, cores=SERVER))
    return _Server(*mine), _Server(*peer)


def _cases(mine: _Server) -> Iterator[_Case]:
    file = {"path": "/upload-url", "body": json.dumps({"filename": "document.pdf", "content_type": "application/pdf"})}
    yield _Case("one file", file, file, 1.8)
    upload = _begin(mine)
    one = {"path": f"/upload/presigned-url?{urlencode({**upload, 'part_number': 1})}", "body": ""}
    yield _Case("1 part", one, one, None)
    for count, wanted in ((20, None), (_PARTS, 60.0)):
        body = json.dumps({**upload, "part_numbers": list(range(1, count + 1))})
        yield _Case(
            f"{count:,} parts",
            {"path": "/upload/presigned-url", "body": body},
            {"path": "/upload/presigned-urls", "body": body},
            wanted,
        )


def _begin(server: _Server) -> dict[str, str]:
    """An upload of `_PARTS` parts: its id and its key."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/upload/initiate",
        data=json.dumps({"filename": "video.mp4", "file_size": _FILE_SIZE}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        begun = json.load(answer)
    if begun["parts_count"] != _PARTS:
        raise RuntimeError(f"the upload has {begun['parts_count']} parts, not {_PARTS}")
    return {"upload_id": begun["upload_id"], "key": begun["key"]}
