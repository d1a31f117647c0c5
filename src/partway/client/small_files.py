"""Many small files at once: begun and completed by the hundred, sent one after another over kept-alive connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from partway.client.api import path_of
from partway.client.meter import Meter
from partway.client.part_checksums import PartSums
from partway.client.part_sending import Part, PartSender
from partway.client.patience import Patience
from partway.client.problems import error_of_problem
from partway.client.slots import Slots
from partway.client.sources import Source, file_changed, open_source
from partway.client.spec import Means, UploadSpec
from partway.client.stopping import Stop, Stopped
from partway.client.upload import same_checksum
from partway.client.values import Outcome, RemoteFile
from partway.core.parts import PartPlan
from partway.errors import NotFound, PartwayError

GROUP_COUNT = 100  #: files begun by one request, at most
GROUP_SIZE = 128 * 1024 * 1024  #: bytes of one group, at most, so that URLs do not wait long
_RUN = 8  #: files that one slot sends before the next job's turn
_AGAIN = frozenset({"store_unavailable", "records_unavailable", "upload_completing"})


class NoBatches(PartwayError):
    """The service does not take batches; internal to the client."""

    code = "no_batches"


@dataclass(frozen=True, slots=True)
class SmallFile:
    """A file of one part that waits for its turn."""

    path: str
    spec: UploadSpec


@dataclass(slots=True)
class _Entry:
    """One file of a group and how far it has come. Its file is open only while it is read."""

    path: str
    spec: UploadSpec
    plan: PartPlan | None = None
    checksum: str | None = None
    whole: str | None = None
    id: str = ""
    part: Part | None = None
    outcome: Outcome | None = None

    def fail(self, error: PartwayError) -> None:
        self.outcome = Outcome(self.path, error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallFileGroup:
    """Uploads small files together.

    Args:
        means: shared ones.
        slots: in which the files travel.
        meter: counts the bytes.
        stop: ends it promptly.
    """

    means: Means
    slots: Slots
    meter: Meter
    stop: Stop

    def run(self, files: Sequence[SmallFile]) -> list[Outcome]:
        """Upload them; what fails for one file does not touch the others.

        Returns:
            An outcome for each, in order.

        Raises:
            NoBatches: the service does not know the request; nothing was begun.
            PartwayError: the service refuses the group as a whole, or cannot be reached.
            Stopped: the end was asked for.
        """
        entries = [_Entry(file.path, file.spec) for file in files]
        for entry in entries:
            self.stop.check()
            _guard(entry, _prepare, entry)
        self._begin([entry for entry in entries if entry.outcome is None])
        self._send([entry for entry in entries if entry.part is not None])
        self._complete([entry for entry in entries if entry.outcome is None])
        return [entry.outcome for entry in entries if entry.outcome is not None]

    def _begin(self, entries: Sequence[_Entry]) -> None:
        if not entries:
            return
        body = {"files": [_initiation(entry) for entry in entries]}
        try:
            answers = self.means.api.call("POST", "/files/uploads/batch", body=body, stop=self.stop)["uploads"]
        except PartwayError as error:
            if isinstance(error, NotFound) or error.error_code == "method_not_allowed":
                raise NoBatches("This service takes no batches.") from error
            raise
        for entry, answer in zip(entries, answers, strict=True):
            if "error" in answer:
                entry.fail(error_of_problem(answer["error"]))
            else:
                entry.id = answer["id"]
                entry.part = self._part(entry, answer)

    def _part(self, entry: _Entry, answer: Mapping[str, Any]) -> Part:
        signed = answer["presigned_urls"][0]
        url = self.means.api.absolute(signed["url"])
        return Part(1, 0, signed["size"], url, signed["headers"], entry.checksum)

    def _send(self, entries: Sequence[_Entry]) -> None:
        """Send them in short runs, so that all slots have work and few hand-overs."""
        results: SimpleQueue[BaseException | None] = SimpleQueue()
        runs = [entries[first : first + _RUN] for first in range(0, len(entries), _RUN)]
        for run in runs:
            self.slots.submit(partial(self._send_run, run, results))
        failures = [error for error in [results.get() for _ in runs] if error is not None]
        if failures:
            raise failures[0]

    def _send_run(self, run: Sequence[_Entry], results: SimpleQueue[BaseException | None]) -> None:
        try:
            for entry in run:
                _guard(entry, self._send_one, entry)
        except BaseException as error:  # handed to the thread that waits for it
            results.put(error)
        else:
            results.put(None)

    def _send_one(self, entry: _Entry) -> None:
        assert entry.part is not None
        source, _ = open_source(entry.path)
        try:
            if source.size != entry.part.size:
                raise file_changed(entry.path)
            self._sender(entry, source).send(entry.part)
            source.check_unchanged()
        finally:
            source.close()

    def _sender(self, entry: _Entry, source: Source) -> PartSender:
        return PartSender(
            connections=self.means.connections,
            source=source,
            algorithm=entry.spec.algorithm,
            meter=self.meter,
            stop=self.stop,
            patience=self.means.patience,
            notice=self.means.notice,
            renew=lambda part: self._renewed(entry),
        )

    def _renewed(self, entry: _Entry) -> Part:
        body = {"part_numbers": [1], "checksums": [entry.checksum] if entry.checksum else []}
        path = path_of(entry.id, upload=True) + "/presigned-urls"
        return self._part(entry, self.means.api.call("POST", path, body=body, stop=self.stop))

    def _complete(self, entries: Sequence[_Entry]) -> None:
        """Complete them together, again for those that the service could not complete just now."""
        patience = Patience(self.means.patience, stop=self.stop, notice=self.means.notice)
        while entries:
            body = {"ids": [entry.id for entry in entries]}
            answers = self.means.api.call("POST", "/files/uploads/batch/complete", body=body, stop=self.stop)["files"]
            waiting = []
            for entry, answer in zip(entries, answers, strict=True):
                if "error" in answer and answer["error"]["code"] in _AGAIN:
                    waiting.append((entry, error_of_problem(answer["error"])))
                else:
                    _guard(entry, _conclude, entry, answer)
            entries = [entry for entry, _ in waiting]
            if waiting:
                patience.pause(waiting[0][1])


def _guard(entry: _Entry, act: Any, *arguments: Any) -> None:
    """Do something for one entry; an error of ours is its outcome."""
    if entry.outcome is not None:
        return
    try:
        act(*arguments)
    except Stopped:
        raise
    except PartwayError as error:
        entry.fail(error)


def _prepare(entry: _Entry) -> None:
    source, _ = open_source(entry.path)
    try:
        entry.plan = PartPlan(source.size, source.size, 1)
        sums = PartSums(source, entry.plan, entry.spec.algorithm)
        entry.checksum, entry.whole = sums.of(1), sums.whole()
    finally:
        source.close()


def _initiation(entry: _Entry) -> dict[str, Any]:
    assert entry.plan is not None
    body = entry.spec.to_json(entry.plan.file_size)
    body |= {"num_parts": 1, "part_size": entry.plan.part_size, "presign_parts": 1}
    if entry.checksum:
        body["part_checksums"] = [entry.checksum]
    return body


def _conclude(entry: _Entry, answer: Mapping[str, Any]) -> None:
    if "error" in answer:
        raise error_of_problem(answer["error"])
    file = same_checksum(RemoteFile.from_json(answer), entry.whole)
    entry.outcome = Outcome(entry.path, file=file)
