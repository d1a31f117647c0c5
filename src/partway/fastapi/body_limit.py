"""Refuses request bodies that are too large for the JSON API before they are read into memory."""

from __future__ import annotations

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
        streaming_prefixes: paths that read their bodies as streams with limits of their own.
    """

    def __init__(self, app: ASGIApp, *, max_size: int, streaming_prefixes: tuple[str, ...]) -> None:
        self._app = app
        self._max_size = max_size
        self._streaming_prefixes = streaming_prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(self._streaming_prefixes):
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if declared.isdigit() and int(declared) > self._max_size:
            await self._refuse(scope, receive, send)
            return
        try:
            await self._app(scope, self._counted(receive), send)
        except BodyTooLarge:
            await self._refuse(scope, receive, send)

    def _counted(self, receive: Receive) -> Receive:
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_size:
                raise BodyTooLarge(self._detail())
            return message

        return counted

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await problem_answer(BodyTooLarge(self._detail()), headers={"Connection": "close"})(scope, receive, send)

    def _detail(self) -> str:
        return f"The body is larger than {self._max_size} bytes."
