"""The progress line: drawn over itself on a terminal, written now and then elsewhere. It goes to standard error."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self, TextIO

from partway.cli.remote import printable
from partway.cli.sizes import human_size, human_time
from partway.client.meter import Meter

_TERMINAL_INTERVAL = 0.2  #: seconds between two drawings
_PLAIN_INTERVAL = 10.0  #: seconds between two lines where there is no terminal
_RATE_WINDOW = 5.0  #: seconds over which the rate is taken
_MIN_BAR, _MAX_BAR = 10, 40  #: characters
_NOTICE_LIFE = 2.0  #: seconds that a notice stays after the pause that it tells of


class ProgressLine:
    """Shows a meter until it is closed.

    Args:
        label: what travels.
        meter: its bytes.
        shown: false: nothing is written at all.
    """

    def __init__(self, label: str, meter: Meter, *, shown: bool = True, out: TextIO | None = None) -> None:
        self.label = label
        self._meter = meter
        self._out = out or sys.stderr
        self._terminal = self._out.isatty() and os.environ.get("TERM") != "dumb"
        self._samples: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._notice = ""
        self._notice_until = 0.0
        self._noticed = -_PLAIN_INTERVAL
        self._drawn_now = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, name="partway-progress", daemon=True) if shown else None

    def notice(self, trouble: BaseException, pause: float) -> None:
        """Say that something is tried again; for the client's `notice`."""
        now = time.monotonic()
        self._notice_until = now + pause + _NOTICE_LIFE
        self._notice = f"trying again: {trouble}"
        if self._thread is not None and not self._terminal and now - self._noticed >= _PLAIN_INTERVAL:
            self._noticed = now
            self._write(f"partway: {trouble} Trying again.\n")

    def write_above(self, text: str, out: TextIO) -> None:
        """Write a line without tearing the progress line apart."""
        with self._lock:
            if self._drawn_now:
                self._write("\r\x1b[K")
                self._drawn_now = False
            out.write(text + "\n")
            out.flush()

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            if self._drawn_now:
                self._write("\r\x1b[K")

    def _show(self) -> None:
        interval = _TERMINAL_INTERVAL if self._terminal else _PLAIN_INTERVAL
        while not self._over.wait(interval):
            rate = self._rate()
            if self._terminal:
                with self._lock:
                    self._write(f"\r{self._drawn(rate, terminal_width(self._out))}\x1b[K")
                    self._drawn_now = True
            else:
                self._write(f"partway: {self.label}: {figures(self._meter.done, self._meter.total, rate)}\n")

    def _drawn(self, rate: float, width: int) -> str:
        if time.monotonic() < self._notice_until:
            return fit(
                f"{fit(self.label, 24)}  {percent(self._meter.done, self._meter.total)}  {self._notice}", width - 1
            )
        return progress_text(self.label, self._meter.done, self._meter.total, rate, width=width - 1)

    def _rate(self) -> float:
        now, moved = time.monotonic(), self._meter.moved
        self._samples.append((now, moved))
        while len(self._samples) > 2 and now - self._samples[0][0] > _RATE_WINDOW:
            self._samples.popleft()
        began, before = self._samples[0]
        return max(0.0, (moved - before) / max(now - began, 0.001))

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            self._over.set()  # nobody reads it any more


class Notices:
    """Passes the client's notices to the line of the file that travels just now."""

    def __init__(self) -> None:
        self.line: ProgressLine | None = None

    def __call__(self, trouble: BaseException, pause: float) -> None:
        """For the client's `notice`."""
        if self.line is not None:
            self.line.notice(trouble, pause)


def progress_text(label: str, done: int, total: int, rate: float, *, width: int) -> str:
    """One line of at most `width` characters: label, bar and figures; what does not fit goes, the figures last."""
    numbers = figures(done, total, rate)
    room = width - len(numbers) - 4
    if room < _MIN_BAR:
        return fit(numbers, width)
    label_width = min(len(label), max(room - _MAX_BAR, room // 2))
    bar_width = min(room - label_width, _MAX_BAR)
    return f"{fit(label, label_width)}  {_bar(done, total, bar_width)}  {numbers}"


def figures(done: int, total: int, rate: float) -> str:
    """Percent, bytes, rate and time left."""
    parts = [percent(done, total), f"{human_size(done)} of {human_size(total)}"]
    if rate >= 1:
        parts.append(f"{human_size(rate)}/s")
        if done < total:
            parts.append(f"{human_time((total - done) / rate)} left")
    return "  ".join(parts)


def percent(done: int, total: int) -> str:
    """Rounded down, so that 100 % means all of it."""
    return f"{done * 100 // total if total else 100:3} %"


def fit(text: str, width: int) -> str:
    """A text on one line of `width` characters; too long a one loses its middle."""
    plain = printable(text)
    if len(plain) <= width:
        return plain
    if width < 8:
        return plain[: max(width, 0)]
    head = (width - 1) // 2
    return f"{plain[:head]}…{plain[len(plain) - (width - 1 - head) :]}"


def terminal_width(out: TextIO) -> int:
    """Columns of the terminal."""
    try:
        return os.get_terminal_size(out.fileno()).columns or 80
    except OSError:
        return 80


def _bar(done: int, total: int, width: int) -> str:
    filled = width * done // total if total else width
    return "━" * filled + "─" * (width - filled)
