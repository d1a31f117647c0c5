"""What every benchmark is made of: settings, interleaved rounds, measured processes, results."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

MIB = 1024 * 1024  #: bytes
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
_LAUNCHER = Path(__file__).with_name("launcher.py")
_TIMEOUT = 900  #: seconds that any one process may take

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to measure."""

    rounds: int
    quick: bool  #: small sizes: shows that everything runs; its figures mean little
    scratch: Path  #: where files, stores and databases are made and removed

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A directory that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="partway-bench-", dir=self.scratch, ignore_cleanup_errors=True) as path:
            yield Path(path)


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure, and what it is to be."""

    text: str
    measured: float
    wanted: float
    at_most: bool = False
    unit: str = "x"

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        verdict = "met" if self.met else "MISSED"
        return f"{self.text}: {self.measured:.3g} {self.unit} (goal {sign} {self.wanted:g}): {verdict}"


@dataclass(slots=True)
class Result:
    """What a benchmark found.

    Args:
        title: of the section.
        about: what was done, for a reader who wants to judge it.
        columns: of the table.
    """

    title: str
    about: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)

    def markdown(self) -> str:
        """The section's text, without its heading."""
        lines = [
            "| " + " | ".join(self.columns) + " |",
            "| --- |" + " ---: |" * (len(self.columns) - 1),
            *("| " + " | ".join(row) + " |" for row in self.rows),
        ]
        goals = [f"- {goal}" for goal in self.goals]
        return "\n".join([self.about, "", *lines, "", *goals])

    def plain(self) -> str:
        """The table for a terminal."""
        table = [self.columns, *self.rows]
        widths = [max(len(row[index]) for row in table) for index in range(len(self.columns))]
        lines = []
        for row in table:
            first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  ".join([first.strip().ljust(widths[0]), *others]))
        return "\n".join([f"== {self.title}", *lines, *(f"   {goal}" for goal in self.goals)])


class Finished(NamedTuple):
    """What a process took."""

    seconds: float
    cpu: float  #: seconds, user and system, with its children
    peak: int  #: bytes of resident memory


def interleaved(rounds: int, contenders: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Run all contenders in every round, each round beginning with another one."""
    found: dict[str, list[T]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            found[name].append(contenders[name]())
    return found


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """How many times those these are: the median over the rounds, each of which compares what was measured together."""
    return statistics.median(one / other for one, other in zip(these, those, strict=True))


def spread(values: Sequence[float], *, digits: int = 2) -> str:
    """`median (least..most)`."""
    median = statistics.median(values)
    return f"{median:,.{digits}f} ({min(values):,.{digits}f}..{max(values):,.{digits}f})"


def run_measured(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cores: set[int] | None = None
) -> Finished:
    """Run a command to its end and say what it took.

    Args:
        command: a program's path and its arguments; its output is shown only if it fails.
        env: settings besides those of this process.
        cores: where it may run; None: anywhere.

    Raises:
        RuntimeError: it failed.
    """
    with tempfile.NamedTemporaryFile("r") as result, on_cores(cores):
        done = subprocess.run(
            [sys.executable, "-IS", _LAUNCHER, result.name, *map(str, command)],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_TIMEOUT,
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}")
        seconds, cpu, peak = map(float, result.read().split())
    return Finished(seconds, cpu, int(peak) * 1024)


@contextmanager
def on_cores(cores: set[int] | None) -> Iterator[None]:
    """Have the processes that are started inside run on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a running process has taken, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def busy_of(core: int) -> float:
    """Seconds that a core has been busy since the machine started, whoever it worked for."""
    line = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} "))
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def memory_of(pid: int) -> int:
    """Bytes of resident memory of a running process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_SIZE
