"""Refuses request bodies that are too large for the JSON API before they are read into memory."""

from __future__ import annotations

import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from partway.errors import Refused
from partway.fastapi.answers import problem_answer


class BodyTooLarge(Refused):
    """The request's body is larger than the API takes."""

    code = "body_too_large"


class BodyLimit:
    """An ASGI middleware that bounds the bodies of all paths but those that stream.

    Args:
        app: what comes behind it.
        max_size: bytes.
        streaming_prefixes, streaming_paths: what reads bodies as streams with limits of its own.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_size: int,
        streaming_prefixes: tuple[str, ...] = (),
        streaming_paths: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._max_size = max_size
        self._streaming_prefixes = streaming_prefixes
        self._streaming_paths = streaming_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or self._streams(scope["path"]):
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if declared.isdigit() and int(declared) > self._max_size:
            await self._refuse(scope, receive, send)
            return
        counted = _CountedBody(receive, self._max_size)
        answer = _HeldBack(send, counted)
        # The framework turns an error of `receive` into an answer of its own: it is held back, and ours is sent.
        with contextlib.suppress(BodyTooLarge):
            await self._app(scope, counted.receive, answer.send)
        if counted.too_large and not answer.begun:
            await self._refuse(scope, receive, send)

    def _streams(self, path: str) -> bool:
        return path in self._streaming_paths or path.startswith(self._streaming_prefixes)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = BodyTooLarge(f"The body is larger than {self._max_size} bytes.")
        await problem_answer(error, headers={"Connection": "close"})(scope, receive, send)


class _CountedBody:
    """Counts a body that did not say its length."""

    def __init__(self, receive: Receive, max_size: int) -> None:
        self._receive = receive
        self._left = max_size
        self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.too_large = True
            raise BodyTooLarge("The body is too large.")
        return message


class _HeldBack:
    """Lets an answer pass unless it was made because the body was too large."""

    def __init__(self, send: Send, body: _CountedBody) -> None:
        self._send = send
        self._body = body
        self.begun = False

    async def send(self, message: Message) -> None:
        if self.begun or not self._body.too_large:
            self.begun = True
            await self._send(message)
