"""A store that hangs: what does not need it is answered as fast as before, and what does is refused in good time."""

from __future__ import annotations

import http.client
import json
import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from tests.servers.service import Service

from benchmarks.asking import Heard, Job, Request, asking
from benchmarks.harness import MIB, Goal, Result, Settings
from benchmarks.saturation import REST, SERVER
from benchmarks.servers import postgres, seaweedfs, service, token
from partway.client.client import Client

ROUNDS = 1
_CLIENTS = 200
_SECONDS, _QUICK_SECONDS = 60.0, 15.0  #: that the store hangs; as long it is watched before
_FILES = 50  #: of the page that is listed
_PAUSE = 0.02  #: seconds between two requests of those that are timed
_IDLE = 20.0  #: seconds after which connections that nobody uses are closed
_COMING_BACK = 60.0  #: seconds after which connections and threads must be as they were
_TIMED = {"/health/live": "/health/live", "a listing": f"/v1/files?limit={_FILES}"}
_LIVE, _LISTING = _TIMED


class _Times(NamedTuple):
    """Of one kind of request while something went on."""

    median: float  #: milliseconds
    p99: float  #: milliseconds


class _Held(NamedTuple):
    """What a process holds of the system."""

    files: int
    threads: int


def run(settings: Settings) -> Result:
    """Times with the store well and with the store hanging, how long refusals take, and what stays behind."""
    seconds = _QUICK_SECONDS if settings.quick else _SECONDS
    result = Result(
        "A store that hangs",
        f"SeaweedFS is stopped (SIGSTOP) for {seconds:.0f} s: it accepts connections and answers nothing. All the "
        f"while {_CLIENTS} clients ask one service process for what needs the store (begin an upload, its state, "
        "complete it, metadata of an object) and come again 2 s after an answer, or as `Retry-After` says; before, "
        "they do the same with the store well. Meanwhile `/health/live` and a page of 50 files are asked for by turns "
        "from one connection. PostgreSQL has the records.",
        ["", "median before, ms", "median hanging, ms", "p99 before, ms", "p99 hanging, ms"],
    )
    for _ in range(settings.rounds):
        _add_round(settings, result, seconds)
    return result


def _add_round(settings: Settings, result: Result, seconds: float) -> None:
    with (
        settings.folder() as folder,
        seaweedfs(folder, cores=REST) as store,
        postgres(cores=REST) as database,
        service(folder, store=store, env={"PARTWAY_DATABASE_URL": database.new_database()}, cores=SERVER) as running,
    ):
        job = Job(
            url=running.url,
            headers={"Authorization": f"Bearer {token()}"},
            requests=_requests(running),
            clients=_CLIENTS,
            seconds=seconds,
        )
        with asking(job, cores=REST) as heard_before:
            before = _probe(running, seconds)
        held = _settled(running, seconds=_IDLE)
        with _stopped(store.pid), asking(job, cores=REST) as heard:
            hanging = _probe(running, seconds)
        left = _settled(running, seconds=_COMING_BACK, wanted=held)
    for name in _TIMED:
        then, now = before[name], hanging[name]
        figures = (then.median, now.median, then.p99, now.p99)
        result.rows.append([name, *(f"{figure:.2f}" for figure in figures)])
        result.goals.append(Goal(f"{name}, median hanging / before", now.median / then.median, 1.5, at_most=True))
        result.goals.append(Goal(f"{name}, p99 hanging / before", now.p99 / then.p99, 1.5, at_most=True))
    result.goals += _goals(heard_before, heard, held, left)


def _goals(before: Heard, heard: Heard, held: _Held, left: _Held) -> list[Goal]:
    said = ", ".join(f"{count:,} times {status}" for status, count in sorted(heard.statuses.items()))
    once = ", ".join(f"{count:,} times {status}" for status, count in sorted(before.statuses.items()))
    return [
        Goal(f"slowest answer ({said}; before: {once})", heard.slowest, 35, at_most=True, unit="s"),
        Goal("answers 503 without Retry-After", heard.without_retry_after, 0, at_most=True, unit="answers"),
        Goal(f"open files afterwards, {held.files} before", left.files - held.files, 0, at_most=True, unit="more"),
        Goal(f"threads afterwards, {held.threads} before", left.threads - held.threads, 0, at_most=True, unit="more"),
    ]


def _requests(running: Service) -> list[Request]:
    """What the clients ask for: each kind of request that needs the store. The page to list is filled for them."""
    content = bytes(1000)
    with Client(running.url, token=token()) as client:
        done = [client.upload(BytesIO(content), name=f"{number}.bin", resume=False) for number in range(_FILES)]
    new = {"file_name": "video.mp4", "file_size": 64 * MIB, "file_content_type": "video/mp4"}
    begun = _begin(running, new)
    return [
        ("POST", "/v1/files/uploads", new),
        ("GET", f"/v1/files/uploads/{begun}", None),
        ("POST", f"/v1/files/uploads/{begun}/complete", {}),
        ("GET", f"/v1/files/{done[0].id}/metadata", None),
    ]


def _begin(running: Service, new: object) -> str:
    """The id of an upload that stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/files/uploads", body=json.dumps(new), headers=headers)
    begun = json.loads(connection.getresponse().read())
    connection.close()
    return str(begun["id"])


def _probe(running: Service, seconds: float) -> dict[str, _Times]:
    """Ask for what does not need the store, by turns, from one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    headers = {"Authorization": f"Bearer {token()}"}
    took: dict[str, list[float]] = {name: [] for name in _TIMED}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, target in _TIMED.items():
            began = time.perf_counter()
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            answer.read()
            took[name].append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                raise RuntimeError(f"GET {target}: {answer.status}")
            time.sleep(_PAUSE)
    connection.close()
    return {name: _Times(statistics.median(each), statistics.quantiles(each, n=100)[98]) for name, each in took.items()}


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """A process that does nothing while what is inside runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _settled(running: Service, *, seconds: float, wanted: _Held | None = None) -> _Held:
    """What the service holds once idle connections are closed, or once it holds no more than it should."""
    process = Path(f"/proc/{running.pid}")
    end = time.monotonic() + seconds
    while True:
        held = _Held(len(list((process / "fd").iterdir())), len(list((process / "task").iterdir())))
        if time.monotonic() > end or (wanted and held.files <= wanted.files and held.threads <= wanted.threads):
            return held
        time.sleep(0.5)
