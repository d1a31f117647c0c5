"""Many files over one set of slots: small ones in groups, large ones part by part, each failing for itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from queue import SimpleQueue

from partway.client.small_files import GROUP_COUNT, GROUP_SIZE, NoBatches, SmallFile
from partway.client.spec import ONE_PART, UploadSpec
from partway.client.stopping import Stop, Stopped
from partway.client.values import Outcome, RemoteFile
from partway.errors import NotAuthenticated, PartwayError, Unreachable

_COORDINATORS = 3  #: files or groups that are prepared, sent and completed at once

Task = Callable[[], list[Outcome]]


class ManyFiles:
    """Runs the uploads of many files.

    Args:
        one: uploads a single file.
        group: uploads small files together; None: they go one by one.
        stop: ends all of them promptly.
    """

    def __init__(
        self,
        *,
        one: Callable[[str, UploadSpec], RemoteFile],
        group: Callable[[list[SmallFile]], list[Outcome]] | None,
        stop: Stop,
    ) -> None:
        self._one = one
        self._group = group
        self._stop = stop

    def run(self, files: Iterable[tuple[str, UploadSpec]]) -> Iterator[Outcome]:
        """Outcomes in the order in which they are ready. Leaving the iteration early stops the rest.

        Raises:
            PartwayError: the service cannot be reached, or does not take the token: that fails every file alike.
        """
        tasks, lock = self._tasks(files), threading.Lock()
        results: SimpleQueue[Outcome | BaseException | None] = SimpleQueue()
        for _ in range(_COORDINATORS):
            threading.Thread(target=self._coordinate, args=(tasks, lock, results), daemon=True).start()
        running = _COORDINATORS
        try:
            while running:
                result = results.get()
                if isinstance(result, BaseException):
                    raise result
                if result is None:
                    running -= 1
                else:
                    yield result
        finally:
            if running:
                self._stop.set()

    def _coordinate(
        self, tasks: Iterator[Task], lock: threading.Lock, results: SimpleQueue[Outcome | BaseException | None]
    ) -> None:
        try:
            while True:
                with lock:
                    task = next(tasks, None)
                if task is None:
                    break
                for outcome in task():
                    results.put(outcome)
        except BaseException as error:  # handed to the thread that iterates
            results.put(error)
        else:
            results.put(None)

    def _tasks(self, files: Iterable[tuple[str, UploadSpec]]) -> Iterator[Task]:
        small: list[SmallFile] = []
        size = 0
        for path, spec in files:
            self._stop.check()
            file_size = _size_of(path)
            if self._group is None or file_size is None or file_size > ONE_PART or spec.part_size is not None:
                yield partial(self._alone, path, spec)
                continue
            small.append(SmallFile(path, spec))
            size += file_size
            if len(small) >= GROUP_COUNT or size >= GROUP_SIZE:
                yield partial(self._together, small)
                small, size = [], 0
        if small:
            yield partial(self._together, small)

    def _alone(self, path: str, spec: UploadSpec) -> list[Outcome]:
        try:
            return [Outcome(path, file=self._one(path, spec))]
        except Stopped:
            raise
        except PartwayError as error:
            if fails_all(error):
                raise
            return [Outcome(path, error=error)]

    def _together(self, small: list[SmallFile]) -> list[Outcome]:
        if self._group is not None and len(small) > 1:
            try:
                return self._group(small)
            except NoBatches:
                self._group = None
            except PartwayError as error:
                if fails_all(error):
                    raise
                return [Outcome(file.path, error=error) for file in small]
        return [outcome for file in small for outcome in self._alone(file.path, file.spec)]


def fails_all(error: PartwayError) -> bool:
    """Whether an error would meet every other file too."""
    return isinstance(error, NotAuthenticated | Unreachable) or error.error_code == "unexpected_answer"


def _size_of(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None
