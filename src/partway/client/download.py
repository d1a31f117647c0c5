"""One file's way down: straight from the store, resumable, compared with the record's checksum, then renamed."""

from __future__ import annotations

import os
import zlib
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from partway.client.answers import Answer, BrokenAnswer
from partway.client.api import Api, is_hopeless, path_of, unreachable
from partway.client.connection import Connection
from partway.client.connections import Connections
from partway.client.meter import Meter
from partway.client.names import local_name
from partway.client.part_verdicts import Verdict, judge
from partway.client.patience import Notice, Patience
from partway.client.requests import Request, split_url
from partway.client.stopping import Stop
from partway.client.values import RemoteFile
from partway.core.parts import plain_etag
from partway.errors import Refused, StoreRefused, StoreUnavailable

_CHUNK = 1024 * 1024  #: bytes read at once
_MOST_RENEWALS = 3  #: fresh URLs in a row without a byte
_MAX_REFUSAL = 64 * 1024  #: bytes read of a refusal


class Download:
    """The download of one file.

    Args:
        api: of the service.
        connections: shared ones.
        file: the record.
        meter: counts the bytes.
        stop: ends it promptly.
        patience: seconds that a trouble may last.
        notice: told of every pause.
    """

    def __init__(
        self,
        api: Api,
        connections: Connections,
        *,
        file: RemoteFile,
        meter: Meter,
        stop: Stop,
        patience: float,
        notice: Notice | None,
    ) -> None:
        self._api = api
        self._connections = connections
        self._file = file
        self._meter = meter
        self._stop = stop
        self._patience = Patience(patience, stop=stop, notice=notice)
        self._crc = 0
        self._done = 0
        self._url = ""
        self._renewals = 0

    def into_path(self, path: Path) -> None:
        """Write it beside `path` and rename it when it is whole and right; what an earlier try has left is kept.

        Raises:
            Refused: the bytes do not have the record's checksum (code `checksum_mismatch`) and were dropped, or they
                cannot be written (code `cannot_write`).
            StoreRefused, StoreUnavailable, Unreachable: the store does not give the rest.
            Stopped: the end was asked for; the next call goes on.
        """
        half = path.with_name(f".{self._file.id}.part")
        try:
            with half.open("r+b" if half.exists() else "w+b", buffering=0) as target:
                self._read_again(target)
                self._fetch(target)
                os.fsync(target.fileno())
            self._check()
            half.replace(path)
        except Refused as error:
            if error.error_code == "checksum_mismatch":
                half.unlink()
            raise
        except OSError as error:
            raise _cannot_write(error) from error

    def into_stream(self, target: IO[bytes]) -> None:
        """Write it to a stream, such as a pipe; raises as `into_path`. The checksum is compared at the end."""
        self._fetch(target)
        self._check()

    def _read_again(self, target: IO[bytes]) -> None:
        """Take up what an earlier try has left: its length and its checksum."""
        if os.fstat(target.fileno()).st_size > self._file.file_size:
            target.truncate(0)
        while data := target.read(_CHUNK):
            self._stop.check()
            self._crc = zlib.crc32(data, self._crc)
            self._done += len(data)
        self._meter.skip(self._done)

    def _fetch(self, target: IO[bytes]) -> None:
        chunk = memoryview(bytearray(_CHUNK))
        while self._done < self._file.file_size:
            before = self._done
            try:
                self._fetch_some(target, chunk)
            except OSError as error:
                trouble = unreachable(split_url(self._url)[0], error)
                if is_hopeless(error):
                    raise trouble from error
                if self._done > before:
                    self._patience.reset()
                self._patience.pause(trouble)
        _flush(target)

    def _fetch_some(self, target: IO[bytes], chunk: memoryview) -> None:
        """Ask for the rest once, and write what comes of it. An `OSError` out of here is the network's."""
        if not self._url:
            path = path_of(self._file.id) + "/presigned-url"
            answer = self._api.call("GET", path, query={"force_download": "true"}, stop=self._stop)
            self._url = self._api.absolute(answer["url"])
        origin, address = split_url(self._url)
        headers = {"Range": f"bytes={self._done}-"} if self._done else {}
        connection = self._connections.take(origin, stop=self._stop)
        try:
            head = connection.open(Request("GET", origin, address, headers))
            if head.status in {200, 206}:
                self._check_answer(head.status, head.headers)
                self._copy(connection, target, chunk)
            else:
                refusal = Answer(head.status, head.headers, connection.read_all(at_most=_MAX_REFUSAL))
        except BaseException:
            self._connections.drop(connection, stop=self._stop)
            self._stop.check()
            raise
        self._connections.give_back(connection, stop=self._stop)
        if head.status not in {200, 206}:
            self._refused(refusal)

    def _check_answer(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer must be the rest of this very file."""
        etag = headers.get("etag")
        if etag and self._file.etag and plain_etag(etag) != plain_etag(self._file.etag):
            raise Refused("The stored object is not the record's. Ask the service's operator.", code="etag_mismatch")
        if self._done and not (status == 206 and headers.get("content-range", "").startswith(f"bytes {self._done}-")):
            raise StoreRefused("The store does not give parts of files, so the download cannot be resumed.")

    def _copy(self, connection: Connection, target: IO[bytes], chunk: memoryview) -> None:
        while count := connection.read_into(chunk):
            if self._done + count > self._file.file_size:
                raise Refused("The stored object is longer than the record says.", code="size_mismatch")
            _write(target, chunk[:count])
            self._crc = zlib.crc32(chunk[:count], self._crc)
            self._done += count
            self._meter.add(count)
            self._renewals = 0
        if self._done < self._file.file_size:
            raise BrokenAnswer("The store ended the file too early.")

    def _refused(self, answer: Answer) -> None:
        """Wait, or take a fresh URL; what cannot pass is raised."""
        judgement = judge(answer)
        if judgement.verdict is Verdict.AGAIN:
            trouble = StoreUnavailable(f"The store is not available ({judgement.reason}).")
            self._patience.pause(trouble, retry_after=judgement.retry_after)
            return
        self._renewals += 1
        if judgement.verdict is not Verdict.FRESH_URL or self._renewals > _MOST_RENEWALS:
            raise StoreRefused(f"The store does not give the file ({judgement.reason or answer.status}).")
        self._url = ""

    def _check(self) -> None:
        algorithm, _, wanted = (self._file.checksum or "").partition(":")
        if algorithm == "crc32" and b64encode(self._crc.to_bytes(4, "big")).decode() != wanted:
            raise Refused(
                "The downloaded bytes do not have the file's checksum and were dropped. Download it again.",
                code="checksum_mismatch",
            )


def target_path(target: Path, file: RemoteFile) -> Path:
    """Where a download into `target` goes: a folder gets the file's own name, made safe for the local disk."""
    return target / local_name(file.file_name) if target.is_dir() else target


def _write(target: IO[bytes], data: memoryview) -> None:
    while data:
        try:
            count = target.write(data)
        except OSError as error:
            raise _cannot_write(error) from error
        data = data[count:]


def _flush(target: IO[bytes]) -> None:
    try:
        target.flush()
    except OSError as error:
        raise _cannot_write(error) from error


def _cannot_write(error: OSError) -> Refused:
    return Refused(f"Cannot write the download: {error.strerror or error}.", code="cannot_write")
