"""One file's way up: resume or begin, send what is missing, complete, compare."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from partway.client.api import path_of
from partway.client.fingerprint import fingerprint_of
from partway.client.meter import Meter
from partway.client.part_checksums import PartSums
from partway.client.part_feed import PartFeed
from partway.client.patience import Patience
from partway.client.resume import Claims, OpenUpload, find_open_upload
from partway.client.sources import Source
from partway.client.spec import ONE_PART, Means, UploadSpec
from partway.client.stopping import Stop
from partway.client.values import RemoteFile
from partway.client.windows import window_length
from partway.core.parts import PartPlan
from partway.errors import Conflict, PartsMissing, PartwayError, Refused, UploadGone

_MOST_ROUNDS = 3  #: times that parts which the store has lost are sent again
#: What the service says of an upload that is no longer open.
_ENDED = frozenset({"upload_completed", "upload_aborted", "upload_failed", "upload_gone"})


class FileUpload:
    """The upload of one source.

    Args:
        means: shared ones.
        source: the bytes; the caller closes it.
        spec: what it is to be.
        claims: the uploads that the client works on.
        meter: counts the bytes.
        stop: ends the upload promptly and leaves it resumable.
    """

    def __init__(
        self, means: Means, *, source: Source, spec: UploadSpec, claims: Claims, meter: Meter, stop: Stop
    ) -> None:
        self._means = means
        self._source = source
        self._spec = spec
        self._claims = claims
        self._meter = meter
        self._stop = stop

    def run(self) -> RemoteFile:
        """Upload it.

        Raises:
            PartwayError: what went wrong; the upload stays resumable unless the error says otherwise.
            Stopped: the end was asked for; the upload stays resumable.
        """
        opened, first_urls = self._resumed() or self._begun()
        try:
            return self._dressed(self._finished(opened, first_urls))
        finally:
            self._claims.release(opened.id)

    def _resumed(self) -> tuple[OpenUpload, None] | None:
        if not self._spec.resume or self._source.size <= ONE_PART:
            return None
        opened = find_open_upload(
            self._means.api,
            self._source,
            self._spec,
            fingerprint=fingerprint_of(self._source),
            claims=self._claims,
            stop=self._stop,
        )
        if opened is None:
            return None
        self._meter.skip(sum(opened.plan.size_of(number) for number in opened.held))
        return opened, None

    def _begun(self) -> tuple[OpenUpload, Mapping[str, Any]]:
        size, algorithm = self._source.size, self._spec.algorithm
        plan = self._spec.own_plan(size)
        sums = PartSums(self._source, plan, algorithm) if plan else None
        body = self._spec.to_json(size) | self._first_window(sums)
        if plan is not None:
            body |= {"num_parts": plan.num_parts, "part_size": plan.part_size}
        if size > ONE_PART:
            body["fingerprint"] = fingerprint_of(self._source)
        key = {"Idempotency-Key": os.urandom(16).hex()}
        answer = self._means.api.call("POST", "/files/uploads", body=body, headers=key, stop=self._stop)
        if sums is None:
            sums = PartSums(self._source, PartPlan(size, answer["part_size"], answer["num_parts"]), algorithm)
        self._claims.take(answer["id"])
        return OpenUpload(id=answer["id"], sums=sums), answer

    def _first_window(self, sums: PartSums | None) -> dict[str, Any]:
        """Ask for the first URLs with the upload, as far as the plan is known and the checksums are."""
        workers = self._means.slots.count
        if self._spec.algorithm is None:
            return {"presign_parts": workers}
        if sums is None:
            return {"presign_parts": 0}
        plan = sums.plan
        count = window_length(left=plan.num_parts, waiting=0, workers=workers, part_size=plan.part_size)
        return {"presign_parts": count, "part_checksums": [sums.of(number) for number in range(1, count + 1)]}

    def _finished(self, opened: OpenUpload, first_urls: Mapping[str, Any] | None) -> RemoteFile:
        feed = PartFeed(self._means, source=self._source, opened=opened, meter=self._meter, stop=self._stop)
        if first_urls is not None:
            feed.keep(feed.take_urls(first_urls))
        missing = [number for number in opened.plan.part_numbers() if number not in opened.held]
        try:
            for _ in range(_MOST_ROUNDS):
                feed.send(missing)
                try:
                    return self._completed(opened)
                except PartsMissing as error:
                    missing = _numbers_of(error, opened.plan)
                    self._meter.skip(-sum(opened.plan.size_of(number) for number in missing))
        except (UploadGone, Conflict) as error:
            return self._ended_elsewhere(opened, error)
        raise PartsMissing("The store keeps losing parts of this upload. Look into the store's log.")

    def _completed(self, opened: OpenUpload) -> RemoteFile:
        """Complete it; the upload of a file that was changed meanwhile is left as it is."""
        patience = Patience(self._means.patience, stop=self._stop, notice=self._means.notice)
        path, body = path_of(opened.id, upload=True) + "/complete", _claims(opened)
        while True:
            self._source.check_unchanged()
            try:
                answer = self._means.api.call("POST", path, body=body, stop=self._stop)
            except Conflict as error:
                if error.error_code != "upload_completing":
                    raise
                patience.pause(error)
            else:
                return same_checksum(RemoteFile.from_json(answer), opened.sums.whole())

    def _ended_elsewhere(self, opened: OpenUpload, error: PartwayError) -> RemoteFile:
        """It is not open any more: completed by another request, aborted, or lost by the store."""
        if error.error_code not in _ENDED:
            raise error
        state = self._means.api.call("GET", path_of(opened.id, upload=True), stop=self._stop)
        match state["upload_status"]:
            case "completed":
                answer = self._means.api.call("GET", path_of(opened.id), stop=self._stop)
                return same_checksum(RemoteFile.from_json(answer), opened.sums.whole())
            case "aborted":
                raise Conflict("The upload was aborted while it ran. Upload the file again.", code="upload_aborted")
            case "failed":
                raise UploadGone(
                    f"The upload has failed ({state['failure']}). Upload the file again.", failure=state["failure"]
                )
            case _:
                raise error

    def _dressed(self, file: RemoteFile) -> RemoteFile:
        """Give a resumed upload the name and the rest that this call asks for."""
        wanted = self._spec
        changes = {
            "name": None if file.name == wanted.file_name else wanted.file_name,
            "description": None if file.description == wanted.description else wanted.description,
            "metadata": None if file.metadata == wanted.metadata else dict(wanted.metadata),
            "is_public": None if file.is_public == wanted.is_public else wanted.is_public,
        }
        body = {name: value for name, value in changes.items() if value is not None}
        if not body:
            return file
        return RemoteFile.from_json(self._means.api.call("PATCH", path_of(file.id), body=body, stop=self._stop))


def _claims(opened: OpenUpload) -> dict[str, Any]:
    """What a completion says of the parts: their checksums, which some stores do not list and want to hear again."""
    if opened.sums.algorithm is None:
        return {}
    numbers = opened.plan.part_numbers()
    # An empty ETag says nothing of it: the checksum is the stronger proof.
    return {"parts": [{"part_number": number, "etag": "", "checksum": opened.sums.of(number)} for number in numbers]}


def same_checksum(file: RemoteFile, ours: str | None) -> RemoteFile:
    """The file, if its record's checksum is that of the bytes that we read, as far as both are known.

    Raises:
        Refused: it is another (code `checksum_mismatch`).
    """
    if ours and file.checksum and file.checksum.partition(":")[0] == ours.partition(":")[0] and file.checksum != ours:
        raise Refused(
            f"The stored file {file.id} has the checksum {file.checksum}, the local one {ours}. Delete the stored "
            "file and upload it again.",
            code="checksum_mismatch",
        )
    return file


def _numbers_of(error: PartsMissing, plan: PartPlan) -> list[int]:
    """The missing parts that the service names.

    Raises:
        PartsMissing: it names none of the plan.
    """
    missing = error.facts.get("missing")
    numbers = [n for n in missing if isinstance(n, int) and 1 <= n <= plan.num_parts] if missing else []
    if not numbers:
        raise error
    return numbers
