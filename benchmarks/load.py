"""A load generator: connections that send one request over and over, each as soon as the last is answered.

It runs as a process of its own, so that it can be put on another core: `python -m benchmarks.load` reads a `Job` from
standard input and writes `Found`, both as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from benchmarks.harness import on_cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to send, and for how long."""

    port: int  #: on 127.0.0.1
    path: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    connections: int = 24
    seconds: float = 5.0
    status: int = 201  #: every answer must have it

    @property
    def request(self) -> bytes:
        """The request as it goes over the wire."""
        body = self.body.encode()
        headers = {"Host": f"127.0.0.1:{self.port}", "Content-Type": "application/json", **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came back."""

    answers: int
    seconds: float
    answer_size: int  #: bytes of the body of one answer

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.answers / self.seconds


def put_load(job: Job, *, cores: set[int]) -> Found:
    """Run a job in a process of its own.

    Raises:
        RuntimeError: an answer had another status, or a connection was lost.
    """
    with on_cores(cores):
        done = subprocess.run(
            [sys.executable, "-m", __name__], input=json.dumps(asdict(job)), capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return Found(**json.loads(done.stdout))


class _Load:
    """Shared by the connections of a job."""

    def __init__(self, job: Job) -> None:
        self.answers = 0
        self.answer_size = 0
        self.last = time.monotonic()
        self._request = job.request
        self._job = job

    async def run(self) -> Found:
        """All connections, until the time is over. Answers that arrive late are waited for and counted."""
        began = time.monotonic()
        await asyncio.gather(*(self._connection(began + self._job.seconds) for _ in range(self._job.connections)))
        return Found(answers=self.answers, seconds=self.last - began, answer_size=self.answer_size)

    async def _connection(self, end: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._job.port, limit=1024 * 1024)
        while time.monotonic() < end:
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            status, length = int(head[9:12]), _content_length(head)
            body = await reader.readexactly(length)
            if status != self._job.status:
                raise RuntimeError(f"{status}: {body[:500]!r}")
            self.answers += 1
            self.answer_size = length
            self.last = time.monotonic()
        writer.close()


def _content_length(head: bytes) -> int:
    at = head.lower().index(b"content-length:") + 15
    return int(head[at : head.index(b"\r\n", at)])


def main() -> None:
    """Do the job."""
    import uvloop

    job = Job(**json.load(sys.stdin))
    json.dump(asdict(uvloop.run(_Load(job).run())), sys.stdout)


if __name__ == "__main__":
    main()
