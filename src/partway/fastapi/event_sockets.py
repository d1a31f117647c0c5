"""Streams by WebSocket: the same items as JSON messages."""

# No postponed annotations here: FastAPI reads those of the routes.

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect

from partway.core.file import Caller
from partway.core.refusals import no_such_file
from partway.core.watching import Item
from partway.errors import InvalidInput, PartwayError, Refused
from partway.fastapi.answers import problem_answer
from partway.fastapi.auth import CallerOf
from partway.fastapi.event_streams import MAX_POSITION
from partway.fastapi.streams import Ending, Streams
from partway.wire.problems import status_of
from partway.wire.watching import item_json

SUBPROTOCOL = "partway.v1"
_TOKEN = "bearer."  # noqa: S105  # browsers cannot set headers: the token comes as a second subprotocol
_CLOSE_CODES = {Ending.OVER: 1000, Ending.STOPPING: 1012}  # RFC 6455, section 7.4, and IANA's registry
_REFUSED = 4000  # and the HTTP status of the error

Opened = Callable[[Caller, int | None], Awaitable[AsyncGenerator[Item, None] | None]]


def add_event_sockets(router: APIRouter, streams: Streams, caller_of: CallerOf, *, origins: Sequence[str]) -> None:
    """Add `/files/ws` and `/files/uploads/{file_id}/ws`.

    Args:
        origins: whose pages may connect, besides our own; `*`: anybody's.
    """
    sockets = _Sockets(streams, caller_of, origins)

    @router.websocket("/files/uploads/{file_id}/ws")
    async def upload_socket(websocket: WebSocket, file_id: str) -> None:
        await sockets.serve(
            websocket, lambda caller, after: streams.of_upload(_id(file_id), caller=caller, after=after)
        )

    @router.websocket("/files/ws")
    async def files_socket(websocket: WebSocket) -> None:
        owner = websocket.query_params.get("owner")
        await sockets.serve(websocket, lambda caller, after: streams.of_files(owner, caller=caller, after=after))


class _Sockets:
    """Lets clients in, or refuses them, and sends."""

    def __init__(self, streams: Streams, caller_of: CallerOf, origins: Sequence[str]) -> None:
        self._streams = streams
        self._caller_of = caller_of
        self._origins = origins

    async def serve(self, websocket: WebSocket, opened: Opened) -> None:
        """One connection from its beginning to its end."""
        origin = websocket.headers.get("origin")
        if not may_connect(origin, host=websocket.headers.get("host", ""), origins=self._origins):
            # Before all else: without tokens any page in the user's browser could listen.
            error = Refused("Pages of this origin may not connect; see PARTWAY_CORS_ORIGINS.", code="foreign_origin")
            await websocket.send_denial_response(problem_answer(error))
            return
        try:
            request = handshake(websocket)
            caller = await self._caller_of(request)
            items = await opened(caller, _position(websocket))
            with self._streams.place(caller):
                await self._send(websocket, items, request, caller)
        except PartwayError as error:
            with contextlib.suppress(WebSocketDisconnect):
                await _refuse(websocket, error)
        except WebSocketDisconnect:
            pass  # while something was sent

    async def _send(
        self, websocket: WebSocket, items: AsyncGenerator[Item, None] | None, request: Request, caller: Caller
    ) -> None:
        async def send_item(item: Item) -> None:
            if item is not None:  # the server sends pings
                await websocket.send_text(orjson.dumps(item_json(item)).decode())

        await _accept(websocket)
        ending = Ending.OVER
        if items is not None:
            ending = await self._streams.run(
                items, send_item, request=request, caller=caller, receive=websocket.receive
            )
        if ending is not Ending.GONE:
            await websocket.close(_CLOSE_CODES[ending])


def may_connect(origin: str | None, *, host: str, origins: Sequence[str]) -> bool:
    """Whether a page of some origin may connect (https://datatracker.ietf.org/doc/html/rfc6455#section-10.2).

    Args:
        origin: the header; None: it is no browser.
        host: the header, by which the client has reached us.
        origins: allowed besides our own; `*`: all.
    """
    own = {f"http://{host}", f"https://{host}"}
    return origin is None or "*" in origins or origin in origins or origin in own


def handshake(websocket: WebSocket) -> Request:
    """The HTTP request that a connection begins with; a token among its subprotocols stands in its header."""
    headers = list(websocket.scope["headers"])
    token = next((each.removeprefix(_TOKEN) for each in websocket.scope["subprotocols"] if each.startswith(_TOKEN)), "")
    if token and "authorization" not in websocket.headers:
        headers.append((b"authorization", f"Bearer {token}".encode("latin-1")))
    return Request({**websocket.scope, "type": "http", "method": "GET", "headers": headers})


async def _accept(websocket: WebSocket) -> None:
    offered = SUBPROTOCOL in websocket.scope["subprotocols"]
    await websocket.accept(SUBPROTOCOL if offered else None)


async def _refuse(websocket: WebSocket, error: PartwayError) -> None:
    """Say no: by HTTP, or by a close code if the stream has begun or the client is a browser, which shows no other."""
    if websocket.client_state.name == "CONNECTING":
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.send_denial_response(problem_answer(error))
            return
        await _accept(websocket)
    await websocket.close(_REFUSED + status_of(error), error.error_code)


def _id(file_id: str) -> UUID:
    try:
        return UUID(file_id)
    except ValueError:
        raise no_such_file() from None


def _position(websocket: WebSocket) -> int | None:
    text = websocket.query_params.get("last_event_id")
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or int(text) > MAX_POSITION:
        raise InvalidInput("last_event_id is no position: send the last one that you were told.", field="last_event_id")
    return int(text)
