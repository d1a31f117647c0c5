"""`POST /files/upload`: a file in a form, streamed on to the store part by part."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from partway.core.blocking import run_straight
from partway.core.file import Caller, File
from partway.core.proxied import PROXIED_PART_SIZE, ProxiedUploads
from partway.django.answers import json_answer
from partway.django.api import FilesView
from partway.django.conf import configuration
from partway.errors import Refused
from partway.wire.answers import file_json
from partway.wire.form_reader import FileBegins, FormEvent, FormReader, boundary_of
from partway.wire.forms import Form, no_file

_CHUNK_SIZE = 256 * 1024  # bytes read at once


class FormUploadView(FilesView):
    """Files through the project, for clients that cannot send them to the store."""

    family = "partway_initiate"
    parser_classes = (MultiPartParser,)

    def post(self, request: Request) -> HttpResponse:
        """Send a file through the project. It is whole, or not there."""
        upload = _Upload(request._request, self.stories.proxied, self.caller)
        return json_answer(file_json(upload.take(), self.addresses), status=201)


class _Upload:
    """One form on its way."""

    def __init__(self, request: HttpRequest, proxied: ProxiedUploads, caller: Caller) -> None:
        self._request = request
        self._proxied = proxied
        self._caller = caller
        self._begun: File | None = None
        self._form = Form(
            content_type=request.META.get("CONTENT_TYPE", ""),
            content_length=request.META.get("CONTENT_LENGTH", ""),
            query=request.GET.dict(),
            max_file_size=configuration().uploads.policy.max_file_size,
        )

    def take(self) -> File:
        """Read the form to its end and store its file.

        Raises:
            Refused, InvalidInput, PolicyRefused, StoreError: nothing is kept.
        """
        events = self._events()
        try:
            begins = self._file_begins(events)
            return self._take_file(begins, events)
        except UnreadablePostError:
            self._give_up()
            raise Refused("The client went away.", code="malformed_body") from None
        except BaseException:
            self._give_up()
            raise

    def _events(self) -> Iterator[FormEvent]:
        reader = FormReader(boundary_of(self._request.META.get("CONTENT_TYPE", "")))
        while chunk := self._request.read(_CHUNK_SIZE):
            yield from reader.feed(chunk)
        reader.finish()

    def _file_begins(self, events: Iterator[FormEvent]) -> FileBegins:
        for event in events:
            if (begins := self._form.take(event)) is not None:
                return begins
        raise no_file()

    def _take_file(self, begins: FileBegins, events: Iterator[FormEvent]) -> File:
        content = _Content(events)
        first = content.take(PROXIED_PART_SIZE)
        self._form.check_size(len(first))
        if len(first) < PROXIED_PART_SIZE:
            self._rest_of_fields(events)
            new = self._form.new(begins, len(first))
            return run_straight(self._proxied.store_small(new, bytes(first), caller=self._caller))
        new = self._form.new(begins, self._form.bound)
        self._begun = begun = run_straight(self._proxied.begin(new, caller=self._caller))
        size = self._send(begun, first, content)
        self._rest_of_fields(events)
        changes = self._form.late_changes()
        return run_straight(self._proxied.finish(begun, file_size=size, changes=changes, caller=self._caller))

    def _send(self, file: File, first: bytearray, content: _Content) -> int:
        """Send the parts. Returns the bytes of all."""
        size, number = 0, 0
        part = first + content.take(file.part_size - len(first))  # large forms have larger parts
        while part:
            number += 1
            size += len(part)
            self._form.check_size(size)
            run_straight(self._proxied.write(file, number, part))
            part = content.take(file.part_size)
        return size

    def _rest_of_fields(self, events: Iterator[FormEvent]) -> None:
        for event in events:
            self._form.take_rest(event)

    def _give_up(self) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            with contextlib.suppress(Exception):
                run_straight(self._proxied.give_up(begun))


class _Content:
    """A file's bytes, taken in pieces of a wanted size."""

    def __init__(self, events: Iterator[FormEvent]) -> None:
        self._events = events
        self._left = bytearray()
        self._ended = False

    def take(self, size: int) -> bytearray:
        """The next `size` bytes; fewer, or none, at the end."""
        while not self._ended and len(self._left) < size:
            event = next(self._events, None)
            if isinstance(event, bytes):
                self._left += event
            else:
                self._ended = True
        taken = self._left[:size]
        del self._left[:size]
        return taken
