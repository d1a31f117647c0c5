"""The slots in which parts travel: a few threads shared by all files and parts of a client."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class Slots:
    """Runs jobs in at most `count` threads, in the order of their coming. The threads start when they are needed.

    Args:
        count: threads, at least 1.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._waiting = 0
        self._closed = False

    def submit(self, job: Job) -> None:
        """Run a job soon. It must catch its own errors."""
        with self._lock:
            if self._closed:
                raise RuntimeError("The client is closed.")
            self._waiting += 1
            start = self._waiting > self._threads and self._threads < self.count
            self._threads += start
        self._jobs.put(job)
        if start:
            threading.Thread(target=self._work, name="partway-slot", daemon=True).start()

    def close(self) -> None:
        """End the threads after the jobs that are waiting."""
        with self._lock:
            self._closed = True
            threads = self._threads
        for _ in range(threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            finally:
                with self._lock:
                    self._waiting -= 1
