"""Streams as server-sent events."""

# No postponed annotations here: FastAPI reads those of the routes, and they close over the factory's dependency.

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, ExitStack
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.types import Receive, Scope, Send

from partway.core.file import Caller
from partway.core.watching import Item
from partway.errors import PartwayError
from partway.fastapi.auth import CallerOf
from partway.fastapi.streams import Ending, Streams
from partway.wire.watching import MEDIA_TYPE, STREAM_BEGUN, server_sent

MAX_POSITION = 2**63 - 1
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events back
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "events, as they happen", "content": {MEDIA_TYPE: {}}},
    204: {"description": "all was said; come no more"},
}
_Position = Annotated[int | None, Query(ge=0, le=MAX_POSITION, description="for clients that cannot send the header")]
_LastEventId = Annotated[
    int | None, Header(alias="Last-Event-ID", ge=0, le=MAX_POSITION, description="what the client knows already")
]


class EventStream(Response):
    """An answer that lasts until its stream has ended, the client goes, or the server ends.

    Args:
        items: what to send.
        place: is given back in the end.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        items: AsyncGenerator[Item, None],
        *,
        streams: Streams,
        place: AbstractContextManager[Any],
        request: Request,
        caller: Caller,
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["Content-Length"]
        self._items = items
        self._streams = streams
        self._place = place
        self._request = request
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""

        async def send_chunk(chunk: bytes, *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": chunk, "more_body": more})

        async def send_item(item: Item) -> None:
            await send_chunk(server_sent(item, orjson.dumps))

        with self._place:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send_chunk(STREAM_BEGUN)
            try:
                ending = await self._streams.run(
                    self._items, send_item, request=self._request, caller=self._caller, receive=receive
                )
            except PartwayError:
                ending = Ending.OVER  # whoever comes again is told why it is not
            if ending is not Ending.GONE:
                await send_chunk(b"", more=False)


def add_event_streams(router: APIRouter, streams: Streams, caller_of: CallerOf) -> None:
    """Add `/files/events` and `/files/uploads/{file_id}/events`. Stand before the routes of `/files/{file_id}`."""
    CallerArg = Annotated[Caller, Depends(caller_of)]

    def answer(items: AsyncGenerator[Item, None] | None, request: Request, caller: Caller) -> Response:
        if items is None:
            return Response(status_code=204)
        place = ExitStack()
        place.enter_context(streams.place(caller))
        return EventStream(items, streams=streams, place=place, request=request, caller=caller)

    @router.get("/files/uploads/{file_id}/events", response_class=Response, responses=_ANSWERS, tags=["events"])
    async def upload_events(
        request: Request,
        file_id: UUID,
        caller: CallerArg,
        last_event_id: _Position = None,
        header: _LastEventId = None,
    ) -> Response:
        """What happens to one upload, as server-sent events, until its end."""
        after = last_event_id if header is None else header
        return answer(await streams.of_upload(file_id, caller=caller, after=after), request, caller)

    @router.get("/files/events", response_class=Response, responses=_ANSWERS, tags=["events"])
    async def files_events(
        request: Request,
        caller: CallerArg,
        owner: Annotated[str | None, Query(max_length=255, description="for staff; else the caller")] = None,
        last_event_id: _Position = None,
        header: _LastEventId = None,
    ) -> Response:
        """What happens to the caller's files, as server-sent events; for staff to all, or to those of an owner."""
        after = last_event_id if header is None else header
        return answer(await streams.of_files(owner, caller=caller, after=after), request, caller)
