"""What happens to files as the service tells it, by server-sent events that go on after a break where they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from partway.client.answers import Answer, BrokenAnswer
from partway.client.api import is_hopeless, path_of, unreachable
from partway.client.patience import Patience
from partway.client.problems import error_of, is_final, retry_after
from partway.client.spec import Means
from partway.client.stopping import Stop
from partway.client.values import FileEvent
from partway.errors import PartwayError

_CHUNK = 64 * 1024  #: bytes read at once
_MAX_REFUSAL = 64 * 1024  #: bytes read of a refusal
_FINAL = frozenset({"upload.completed", "upload.aborted", "upload.failed", "file.removed"})
_ENDED = frozenset({"completed", "aborted", "failed"})


class Watch:
    """The events of one upload until its end, or of all files of the caller without end.

    Args:
        means: the service, and how patient to be.
        file_id: None: all files.
        after: the position up to which they are known; None: the state of the upload comes first.
        stop: ends it promptly.
    """

    def __init__(self, means: Means, *, file_id: str | None, after: int | None, stop: Stop) -> None:
        self._means = means
        self._path = "/files/events" if file_id is None else path_of(file_id, upload=True) + "/events"
        self._ends = file_id is not None
        self._after = after
        self._stop = stop
        self._patience = Patience(means.patience, stop=stop, notice=means.notice)

    def __iter__(self) -> Iterator[FileEvent]:
        """Listen, again and again.

        Raises:
            PartwayError: what the service refuses.
            Unreachable: it did not answer within the patience.
            Stopped: the end was asked for.
        """
        while True:
            try:
                for event in self._listen():
                    yield event
                    if self._ends and _is_last(event):
                        return
            except OSError as error:
                trouble = unreachable(self._means.api.origin, error)
                if is_hopeless(error):
                    raise trouble from error
                self._patience.pause(trouble)
            except _NotNow as refusal:
                self._patience.pause(self._error(refusal.answer), retry_after=retry_after(refusal.answer))
            except _NothingMore:
                return

    def _listen(self) -> Iterator[FileEvent]:
        """The events of one answer. An `OSError` out of here is the network's, or the answer has ended."""
        rest = b""
        for chunk in self._chunks():
            self._patience.reset()
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                body = _body_of(block)
                if body is None:
                    continue
                self._after = body.get("position", self._after)
                if "file_id" in body:
                    yield FileEvent.from_json(body)
        raise BrokenAnswer("The service ended the stream.")

    def _chunks(self) -> Iterator[bytes]:
        headers = {} if self._after is None else {"Last-Event-ID": str(self._after)}
        request = self._means.api.request("GET", self._path, headers=headers)
        connection = self._means.connections.take(request.origin, stop=self._stop)
        try:
            head = connection.open(request)
            if head.status == 204:
                raise _NothingMore
            if head.status != 200:
                raise self._refusal(Answer(head.status, head.headers, connection.read_all(at_most=_MAX_REFUSAL)))
            chunk = memoryview(bytearray(_CHUNK))
            while count := connection.read_into(chunk):
                yield bytes(chunk[:count])
        except OSError:
            self._stop.check()
            raise
        finally:
            self._means.connections.drop(connection, stop=self._stop)

    def _refusal(self, answer: Answer) -> Exception:
        return self._error(answer) if is_final(answer) else _NotNow(answer)

    def _error(self, answer: Answer) -> PartwayError:
        return error_of(answer, url=f"{self._means.api.origin}{self._path}")


class _NotNow(Exception):
    """The service refuses at this moment."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class _NothingMore(Exception):
    """All was said."""


def _body_of(block: bytes) -> dict[str, Any] | None:
    """The JSON of one event; None: it is a comment, or an instruction to browsers."""
    data = next((line for line in block.split(b"\n") if line.startswith(b"data: ")), None)
    body: dict[str, Any] | None = None if data is None else json.loads(data.removeprefix(b"data: "))
    return body


def _is_last(event: FileEvent) -> bool:
    return event.type in _FINAL or (event.type == "upload.state" and event.data["upload_status"] in _ENDED)
