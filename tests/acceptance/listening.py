"""Listens to streams as clients do: server-sent events by plain HTTP, and WebSockets."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import requests

from tests.acceptance.api import Api

SECONDS = 30  #: that a test waits at most for what must come


@dataclass
class Told:
    """One server-sent event."""

    id: int | None
    type: str
    body: dict[str, Any]


class Stream:
    """One stream of server-sent events, read as it comes."""

    def __init__(self, api: Api, path: str, *, last_event_id: int | None = None) -> None:
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        self.answer = api("GET", path, stream=True, headers=headers)
        assert self.answer.status_code == 200, self.answer.text
        self._told = self._read()

    def next(self, *types: str) -> Told:
        """The next event of these types, or of any; others are passed over."""
        end = time.monotonic() + SECONDS
        for told in self._told:
            if not types or told.type in types:
                return told
            assert time.monotonic() < end
        raise AssertionError(f"the stream ended without {types}")

    def rest(self) -> list[Told]:
        """All until the end."""
        return list(self._told)

    def close(self) -> None:
        self.answer.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> Iterator[Told]:
        fields: dict[str, str] = {}
        for line in self.answer.iter_lines(chunk_size=1):
            name, _, value = line.decode().partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                yield Told(int(fields["id"]) if "id" in fields else None, fields["event"], json.loads(fields["data"]))
                fields = {}
            else:
                fields = {}


def types(told: list[Told]) -> list[str]:
    """What happened, without how far it has come."""
    return [each.type for each in told if each.type != "upload.progress"]


@dataclass
class Heard:
    """What came over a WebSocket, from its beginning to its end."""

    status: int = 101  #: of the answer to the handshake
    code: str = ""  #: of the problem that it was refused with
    protocol: str | None = None
    close_code: int | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)


def hear(
    api: Api,
    path: str,
    *,
    when: Mapping[str, Callable[[], object]] | None = None,
    until: str | None = None,
    headers: Mapping[str, str] | None = None,
    protocols: tuple[str, ...] = (),
) -> Heard:
    """Open a WebSocket, and listen until it ends.

    Args:
        when: type of a message → what to do when it comes for the first time.
        until: type of the message after which to leave.
    """
    token = {} if api.token is None or protocols else {"Authorization": f"Bearer {api.token}"}
    return asyncio.run(
        asyncio.wait_for(
            _hear(f"{api.base}/v1{path}", {**token, **(headers or {})}, dict(when or {}), until, protocols), SECONDS
        )
    )


async def _hear(
    url: str,
    headers: Mapping[str, str],
    when: dict[str, Callable[[], object]],
    until: str | None,
    protocols: tuple[str, ...],
) -> Heard:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(url, headers=headers, protocols=protocols) as socket:
                heard = Heard(protocol=socket.protocol)
                async for message in socket:
                    body = json.loads(message.data)
                    heard.messages.append(body)
                    if body["type"] in when:
                        await asyncio.to_thread(when.pop(body["type"]))
                    if body["type"] == until:
                        break
                heard.close_code = socket.close_code
                return heard
        except aiohttp.WSServerHandshakeError as error:
            return Heard(status=error.status)


def in_thread(deed: Callable[[], object]) -> threading.Thread:
    """Do something beside."""
    thread = threading.Thread(target=deed)
    thread.start()
    return thread


def refusal(api: Api, path: str, **headers: str) -> requests.Response:
    """The answer to a handshake that is refused."""
    sent = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "cGFydHdheSBnb2VzIG9uLg==",
    }
    return api("GET", path, headers={**sent, **headers})
