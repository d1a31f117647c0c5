"""The local store: completing a large file takes no longer than completing a small one, for nothing is copied."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from functools import partial
from typing import Any

from tests.servers.service import Service

from benchmarks.harness import MIB, Goal, Result, Settings, interleaved, spread
from benchmarks.servers import service, token

ROUNDS = 5
_SIZES = {"64 MiB": 64 * MIB, "4 GiB": 4096 * MIB}
_QUICK_SIZES = {"16 MiB": 16 * MIB, "64 MiB": 64 * MIB}
_PART_SIZE = 16 * MIB


def run(settings: Settings) -> Result:
    """Milliseconds of `complete`."""
    sizes = _QUICK_SIZES if settings.quick else _SIZES
    result = Result(
        "Completing in the local store",
        "Time of `POST …/complete` of a file in the local store, its parts of 16 MiB sent before, over HTTP.",
        ["", "parts", "sending, s", "complete, ms"],
    )
    with settings.folder() as folder, service(folder) as running:
        found = interleaved(settings.rounds, {name: partial(_measure, running, size) for name, size in sizes.items()})
    for name, times in found.items():
        sending, completing = zip(*times, strict=True)
        milliseconds = [each * 1000 for each in completing]
        result.rows.append([name, str(sizes[name] // _PART_SIZE), spread(sending), spread(milliseconds, digits=1)])
    small, large = (statistics.median(completing for _, completing in times) for times in found.values())
    result.goals.append(Goal("complete, large / small", large / small, 2, at_most=True))
    return result


def _measure(running: Service, size: int) -> tuple[float, float]:
    """Seconds of sending and of completing. The file is deleted afterwards."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    body = {"file_name": "video.mp4", "file_size": size, "file_content_type": "video/mp4"}
    upload = _call(
        connection, "POST", "/v1/files/uploads", {**body, "part_size": _PART_SIZE, "num_parts": size // _PART_SIZE}
    )
    began = time.monotonic()
    zeros = bytes(_PART_SIZE)
    for part in upload["presigned_urls"]:
        connection.request("PUT", part["url"], zeros, part["headers"])
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"part {part['part_number']}: {answer.status}")
    sent = time.monotonic()
    file = _call(connection, "POST", f"/v1/files/uploads/{upload['id']}/complete", {})
    done = time.monotonic()
    if file["upload_status"] != "completed":
        raise RuntimeError(str(file))
    _call(connection, "DELETE", f"/v1/files/{upload['id']}?hard_delete=true", None)
    connection.close()
    return sent - began, done - sent


def _call(connection: http.client.HTTPConnection, method: str, path: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {content[:500]!r}")
    return json.loads(content) if content else None
