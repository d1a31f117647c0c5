"""Clients that ask a service for what needs its store, as patiently as they are told to, and note what they hear.

They run as a process of their own, so that they can be put on another core: `python -m benchmarks.asking` reads a `Job`
from standard input and writes `Heard`, both as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice

import aiohttp

from benchmarks.harness import on_cores

_PAUSE = 2.0  #: seconds between an answer and the next request, unless the answer asks for more
_LONGEST = 300.0  #: seconds that an answer may take

#: A request: method, path, body.
Request = tuple[str, str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Who asks for what, and for how long."""

    url: str
    headers: Mapping[str, str]
    requests: Sequence[Request]  #: each client makes them by turns
    clients: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class Heard:
    """What came back."""

    statuses: dict[str, int] = field(default_factory=dict)  #: HTTP status, or the name of an error → how often
    slowest: float = 0.0  #: seconds until the slowest answer
    without_retry_after: int = 0  #: answers 503 that do not say when to come again


@contextmanager
def asking(job: Job, *, cores: set[int]) -> Iterator[Heard]:
    """Have the clients ask while what is inside runs; then what they heard is there."""
    heard = Heard()
    with on_cores(cores):
        process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(job)))
        process.stdin.close()
        yield heard
        assert process.stdout is not None
        for name, value in json.loads(process.stdout.read()).items():
            setattr(heard, name, value)
    finally:
        process.kill()
        process.wait()


async def _ask_all(job: Job) -> Heard:
    heard = Heard()
    timeout = aiohttp.ClientTimeout(total=_LONGEST)
    async with aiohttp.ClientSession(
        job.url, headers=job.headers, timeout=timeout, connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        end = time.monotonic() + job.seconds
        await asyncio.gather(*(_ask_on(session, job, number, heard, end) for number in range(job.clients)))
    return heard


async def _ask_on(session: aiohttp.ClientSession, job: Job, number: int, heard: Heard, end: float) -> None:
    """One client until the end; an answer that comes late is waited for."""
    statuses: Counter[str] = Counter()
    await asyncio.sleep(random.uniform(0, _PAUSE))
    for method, path, body in islice(cycle(job.requests), number, None):
        if time.monotonic() > end:
            break
        began = time.monotonic()
        pause = _PAUSE
        try:
            async with session.request(method, path, json=body) as answer:
                await answer.read()
                statuses[str(answer.status)] += 1
                pause = max(pause, float(answer.headers.get("Retry-After", 0)))
                heard.without_retry_after += answer.status == 503 and "Retry-After" not in answer.headers
        except (aiohttp.ClientError, TimeoutError) as error:
            statuses[type(error).__name__] += 1
        heard.slowest = max(heard.slowest, time.monotonic() - began)
        await asyncio.sleep(min(pause * random.uniform(1, 1.1), max(0.0, end - time.monotonic())))
    heard.statuses = dict(Counter(heard.statuses) + statuses)


def main() -> None:
    """Do the job."""
    job = Job(**json.load(sys.stdin))
    json.dump(asdict(asyncio.run(_ask_all(job))), sys.stdout)


if __name__ == "__main__":
    main()
