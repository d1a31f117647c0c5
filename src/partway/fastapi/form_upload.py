"""`POST /files/upload`: a file in a form, streamed on to the store part by part."""

# No postponed annotations here: FastAPI reads those of the route, and they close over the factory's dependency.

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from starlette.requests import ClientDisconnect

from partway.core.file import Caller, File
from partway.core.initiation import NewUpload
from partway.core.policy import UploadPolicy
from partway.core.proxied import PROXIED_PART_SIZE, ProxiedUploads
from partway.errors import InvalidInput, PolicyRefused, Refused, StoreUnavailable
from partway.fastapi.addresses import OwnAddresses
from partway.fastapi.answers import json_answer
from partway.fastapi.auth import CallerOf
from partway.fastapi.form_stream import (
    MAX_FIELDS_SIZE,
    Field,
    FileBegins,
    FormEvent,
    closing_size,
    read_form,
)
from partway.wire import schemas
from partway.wire.answers import Addresses, file_json

_PARTS_AT_ONCE = 4  # in memory: one arrives while the others are sent, or all are sent
_LATE = frozenset({"description", "is_public", "metadata"})  # may follow the file: they do not decide its key
_FORM_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "folder": {"type": "string", "description": "send it in front of a large file"},
                        "description": {"type": "string"},
                        "is_public": {"type": "boolean"},
                        "metadata": {"type": "string", "description": "a JSON object"},
                        "parent_content_type": {"type": "string"},
                        "parent_object_id": {"type": "string"},
                    },
                }
            }
        },
    }
}


def add_form_upload_route(
    router: APIRouter,
    proxied: ProxiedUploads,
    caller_of: CallerOf,
    addresses_of: OwnAddresses,
    *,
    policy: UploadPolicy,
    at_once: int = 16,
) -> None:
    """Add `POST /files/upload`.

    Args:
        policy: whose size limit refuses a body before it is read.
        at_once: forms that are taken at the same time; each holds up to 20 MiB of memory.
    """
    places = asyncio.Semaphore(at_once)

    @router.post(
        "/files/upload",
        status_code=201,
        response_model=schemas.FileAnswer,
        tags=["uploads"],
        openapi_extra=_FORM_SCHEMA,
    )
    async def upload(
        request: Request,
        caller: Annotated[Caller, Depends(caller_of)],
        addresses: Annotated[Addresses, Depends(addresses_of)],
    ) -> Response:
        """Send a file through the service, for clients that cannot send it to the store. It is whole, or not there."""
        if places.locked():
            raise StoreUnavailable(
                "Too many files come through the service at this moment; try again, or send the file to the store.",
                code="busy",
                retry_after=5,
            )
        async with places:
            file = await _Upload(request, proxied, caller, policy.max_file_size).take()
        return json_answer(file_json(file, addresses), status=201)


class _Upload:
    """One form on its way."""

    def __init__(self, request: Request, proxied: ProxiedUploads, caller: Caller, max_file_size: int | None) -> None:
        self._request = request
        self._proxied = proxied
        self._caller = caller
        self._max_file_size = max_file_size
        self._fields: dict[str, str] = dict(request.query_params)
        self._begun: File | None = None
        self._bound = 0  # bytes that the file can have at most

    async def take(self) -> File:
        """Read the form to its end and store its file.

        Raises:
            Refused, InvalidInput, PolicyRefused, StoreError: nothing is kept.
        """
        self._bound = self._announced_size()
        events = read_form(self._request)
        try:
            begins = await self._file_begins(events)
            return await self._take_file(begins, events)
        except ClientDisconnect:
            await self._give_up()
            raise Refused("The client went away.", code="malformed_body") from None
        except BaseException:
            await self._give_up()
            raise

    async def _take_file(self, begins: FileBegins, events: AsyncIterator[FormEvent]) -> File:
        content = _Content(events)
        first = bytearray(min(PROXIED_PART_SIZE, self._bound + 1))
        filled = await content.fill(first)
        self._check_size(filled)
        if filled < PROXIED_PART_SIZE:
            await self._rest_of_fields(events)
            del first[filled:]
            return await self._proxied.store_small(self._new(begins, filled), bytes(first), caller=self._caller)
        self._begun = await self._proxied.begin(self._new(begins, self._bound), caller=self._caller)
        early = dict(self._fields)
        content.put_back(first)
        del first  # or it would stay in memory until the end
        size = await self._send(self._begun, content)
        await self._rest_of_fields(events)
        late = {name: value for name, value in self._fields.items() if early.get(name) != value}
        if late.keys() - _LATE:
            raise InvalidInput(
                f"The field '{min(late.keys() - _LATE)}' came behind a large file, which had to be stored before: send "
                "it in front of the file, or in the query.",
                field=min(late.keys() - _LATE),
            )
        return await self._proxied.finish(self._begun, file_size=size, changes=_changes(late), caller=self._caller)

    async def _send(self, file: File, content: "_Content") -> int:
        """Send the parts, a few at once, while the next one arrives. Returns the bytes of all."""
        size, number = 0, 0
        sending: dict[asyncio.Task[None], bytearray] = {}  # with the buffer that holds the part
        buffer = bytearray(file.part_size)
        try:
            while filled := await content.fill(buffer):
                size += filled
                self._check_size(size)
                number += 1
                if filled < len(buffer):  # the last part, in a copy: a buffer that was sent before may not be cut
                    if sending:
                        await _sent(sending)  # for its memory
                    buffer = buffer[:filled]
                sending[asyncio.create_task(self._proxied.write(file, number, buffer))] = buffer
                # Buffers are used again: the system need not find and clear memory for each part.
                buffer = await _sent(sending) if len(sending) == _PARTS_AT_ONCE else bytearray(file.part_size)
            while sending:
                await _sent(sending)
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)
        return size

    async def _file_begins(self, events: AsyncIterator[FormEvent]) -> FileBegins:
        async for event in events:
            if isinstance(event, FileBegins):
                if event.name != "file":
                    raise InvalidInput("The file's field must be named 'file'.", field="file")
                return event
            if isinstance(event, Field):
                self._fields[event.name] = event.value
        raise InvalidInput("The form has no file; send one in the field 'file'.", field="file")

    async def _rest_of_fields(self, events: AsyncIterator[FormEvent]) -> None:
        async for event in events:
            if isinstance(event, FileBegins):
                raise InvalidInput("The form has more than one file; send one in each request.", field="file")
            if isinstance(event, Field):
                self._fields[event.name] = event.value

    def _announced_size(self) -> int:
        """The most bytes that the file can have, by the length of the body.

        Raises:
            Refused: the length is not announced (`length_required`).
            PolicyRefused: it is too large, before a byte of it is read.
        """
        length = self._request.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused("Send the form with a Content-Length.", code="length_required")
        bound = max(0, int(length) - closing_size(self._request))
        if self._max_file_size is not None and bound > self._max_file_size:
            if bound > self._max_file_size + MAX_FIELDS_SIZE:
                self._refuse_size()
            bound = self._max_file_size
        return bound

    def _check_size(self, size: int) -> None:
        if size > self._bound:
            self._refuse_size()

    def _refuse_size(self) -> None:
        raise PolicyRefused(
            f"The file is too large; at most {self._max_file_size} bytes are allowed.",
            code="file_too_large",
            max_file_size=self._max_file_size,
        )

    def _new(self, begins: FileBegins, file_size: int) -> NewUpload:
        fields = self._fields
        changes = _changes({name: value for name, value in fields.items() if name in _LATE})
        return NewUpload(
            file_name=begins.file_name,
            file_size=file_size,
            file_content_type=begins.content_type,
            presign_parts=0,
            folder=fields.get("folder", ""),
            description=changes.get("description", ""),
            is_public=changes.get("is_public", False),
            metadata=changes.get("metadata", {}),
            parent_content_type=fields.get("parent_content_type") or None,
            parent_object_id=fields.get("parent_object_id") or None,
        )

    async def _give_up(self) -> None:
        """Leave nothing behind, also if the request was cancelled."""
        begun, self._begun = self._begun, None
        if begun is not None:
            task = asyncio.ensure_future(self._proxied.give_up(begun))
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(task)


class _Content:
    """A file's bytes, taken in pieces of a wanted size."""

    def __init__(self, events: AsyncIterator[FormEvent]) -> None:
        self._events = events
        self._left: list[memoryview] = []  # what comes next is at the end
        self._ended = False

    def put_back(self, content: bytearray) -> None:
        """Have what was taken last be taken again."""
        self._left.append(memoryview(content))

    async def fill(self, buffer: bytearray) -> int:
        """Fill a buffer from its beginning. Returns how many bytes came: fewer than it holds, or none, at the end."""
        filled = 0
        with memoryview(buffer) as places:
            while filled < len(buffer) and (piece := await self._next()):
                fitting = piece[: len(buffer) - filled]
                places[filled : filled + len(fitting)] = fitting
                filled += len(fitting)
                if len(fitting) < len(piece):
                    self._left.append(piece[len(fitting) :])
        return filled

    async def _next(self) -> memoryview:
        """Some bytes; none at the end."""
        if self._left:
            return self._left.pop()
        event = None if self._ended else await anext(self._events, None)
        if isinstance(event, bytes):
            return memoryview(event)
        self._ended = True
        return memoryview(b"")


async def _sent(sending: dict[asyncio.Task[None], bytearray]) -> bytearray:
    """Wait until one of the parts is with the store, and give its buffer back."""
    done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    task = done.pop()
    buffer = sending.pop(task)
    task.result()
    return buffer


def _changes(fields: dict[str, str]) -> dict[str, Any]:
    """The fields of a form in their types."""
    changes: dict[str, Any] = {}
    if "description" in fields:
        changes["description"] = fields["description"]
    if "is_public" in fields:
        changes["is_public"] = _truth(fields["is_public"])
    if fields.get("metadata"):
        changes["metadata"] = _json_object(fields["metadata"])
    return changes


def _truth(text: str) -> bool:
    plain = text.strip().lower()
    if plain in {"true", "1", "on", "yes"}:
        return True
    if plain in {"false", "0", "off", "no", ""}:
        return False
    raise InvalidInput("is_public must be true or false.", field="is_public")


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("metadata must be a JSON object.", field="metadata", code="invalid_metadata") from error
    if not isinstance(found, dict):
        raise InvalidInput("metadata must be a JSON object.", field="metadata", code="invalid_metadata")
    return found
