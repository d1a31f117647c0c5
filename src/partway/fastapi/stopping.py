"""The end of a server's life, which those who hold connections for long have to hear of."""

from __future__ import annotations

import asyncio

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Stopping:
    """Whether the server is about to end. Streams end by themselves then; else it would wait for them."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether it is."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Say so, on the event loop."""
        self._begun.set()

    async def wait(self) -> None:
        """Return once it is."""
        await self._begun.wait()


class LastAnswers:
    """Middleware: what is answered while the server is about to end is the last answer of its connection.

    So clients open their next one elsewhere, and none is closed under a request that is on its way.
    """

    def __init__(self, app: ASGIApp, *, stopping: Stopping) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and self._stopping.begun:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, send_last)
