"""Requests per second of a server that has a core to itself, and whether it was the server that was the bottleneck."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmarks.harness import busy_of, cpu_of, spread
from benchmarks.load import Job, put_load

_CORES = sorted(os.sched_getaffinity(0))
SERVER, REST = {_CORES[0]}, {_CORES[-1]}  #: cores: the measured server's own, and that of all others
_TRIES = 6  #: runs for one sample, at most
#: For the text of a benchmark.
RULE = (
    "A run counts only if the server's core was saturated and the other was not; others are repeated, and if none of "
    f"{_TRIES} counts, the one in which the server had most of its core is shown."
)
COLUMNS = ("requests/s", "server's CPU, ms/request", "of its core", "other core")


class Sample(NamedTuple):
    """One run."""

    rate: float  #: requests per second
    cost: float  #: seconds of the server's CPU for one request
    server: float  #: share of its core that the server process took
    rest: float  #: share of its core that all others took

    @property
    def counts(self) -> bool:
        """Whether the server was the bottleneck: its core was saturated, and the other was not."""
        return self.server >= 0.95 and self.rest <= 0.9


def measurement(job: Job, *, pid: int, quick: bool) -> Callable[[], Sample]:
    """What runs a job against a server that runs on `SERVER`.

    On a busy machine it is run again until a run counts, but not for ever: the run in which the server had most of its
    core must do then, and its row says so. What was measured has no say in which run is taken.

    Args:
        job: its `seconds` are set here.
        pid: the server's process.
        quick: for a moment only.
    """

    def once(seconds: float) -> Sample:
        began, cpu, busy = time.monotonic(), cpu_of(pid), busy_of(_CORES[-1])
        found = put_load(replace(job, seconds=seconds), cores=REST)
        took, cpu = time.monotonic() - began, cpu_of(pid) - cpu
        return Sample(found.rate, cpu / found.answers, cpu / found.seconds, (busy_of(_CORES[-1]) - busy) / took)

    def measure() -> Sample:
        once(0.5)  # warms up
        tried = []
        for _ in range(1 if quick else _TRIES):
            tried.append(once(1.0 if quick else 5.0))
            if tried[-1].counts:
                return tried[-1]
        return max(tried, key=lambda sample: sample.server)

    return measure


def cells(found: Sequence[Sample]) -> list[str]:
    """A row under `COLUMNS`."""
    return [
        spread([each.rate for each in found], digits=1),
        spread([each.cost * 1000 for each in found]),
        f"{statistics.median(each.server for each in found):.0%}",
        f"{statistics.median(each.rest for each in found):.0%}",
    ]
