"""`POST /files/upload`: a file in a form, streamed on to the store part by part."""

# No postponed annotations here: FastAPI reads those of the route, and they close over the factory's dependency.

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.requests import ClientDisconnect

from partway.core.file import Caller, File
from partway.core.policy import UploadPolicy
from partway.core.proxied import PROXIED_PART_SIZE, ProxiedUploads
from partway.errors import Refused, StoreUnavailable
from partway.fastapi.addresses import OwnAddresses
from partway.fastapi.answers import json_answer
from partway.fastapi.auth import CallerOf
from partway.fastapi.form_stream import read_form
from partway.wire import schemas
from partway.wire.answers import Addresses, file_json
from partway.wire.form_reader import FileBegins, FormEvent
from partway.wire.forms import Form, no_file

_PARTS_AT_ONCE = 4  # in memory: one arrives while the others are sent, or all are sent
_FORM_SCHEMA = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schemas.UPLOAD_FORM}}}}


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
        self._begun: File | None = None
        self._form = Form(
            content_type=request.headers.get("content-type", ""),
            content_length=request.headers.get("content-length", ""),
            query=request.query_params,
            max_file_size=max_file_size,
        )

    async def take(self) -> File:
        """Read the form to its end and store its file.

        Raises:
            Refused, InvalidInput, PolicyRefused, StoreError: nothing is kept.
        """
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
        first = bytearray(min(PROXIED_PART_SIZE, self._form.bound + 1))
        filled = await content.fill(first)
        self._form.check_size(filled)
        if filled < PROXIED_PART_SIZE:
            await self._rest_of_fields(events)
            del first[filled:]
            return await self._proxied.store_small(self._form.new(begins, filled), bytes(first), caller=self._caller)
        self._begun = await self._proxied.begin(self._form.new(begins, self._form.bound), caller=self._caller)
        content.put_back(first)
        del first  # or it would stay in memory until the end
        size = await self._send(self._begun, content)
        await self._rest_of_fields(events)
        changes = self._form.late_changes()
        return await self._proxied.finish(self._begun, file_size=size, changes=changes, caller=self._caller)

    async def _send(self, file: File, content: "_Content") -> int:
        """Send the parts, a few at once, while the next one arrives. Returns the bytes of all."""
        size, number = 0, 0
        sending: dict[asyncio.Task[None], bytearray] = {}  # with the buffer that holds the part
        buffer = bytearray(file.part_size)
        try:
            while filled := await content.fill(buffer):
                size += filled
                self._form.check_size(size)
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
            if (begins := self._form.take(event)) is not None:
                return begins
        raise no_file()

    async def _rest_of_fields(self, events: AsyncIterator[FormEvent]) -> None:
        async for event in events:
            self._form.take_rest(event)

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
