"""SIGTERM and Ctrl-C, as the service hears them before its server does.

The server (uvicorn) stops accepting with the first signal. A balancer has to know before that, and streams would hold
it up, so the first signal is for us, and it is passed on after a while.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from partway.fastapi.stopping import Stopping

_Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def heard_first(stopping: Stopping, *, drain_time: float) -> Iterator[None]:
    """While inside, signals begin the stopping and then reach the server's own handlers, on the running event loop.

    Ctrl-C does so at once, each time. SIGTERM does so once: whoever sends it again, as init systems do to every process
    of a service, wants nothing else. Outside the main thread nothing is heard.

    Args:
        drain_time: seconds between SIGTERM and the server's hearing of it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    servers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def pass_on(number: int, frame: FrameType | None) -> None:
        handler = servers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    def on_term(number: int, frame: FrameType | None) -> None:
        if not stopping.begun:
            loop.call_soon_threadsafe(stopping.begin)
            loop.call_soon_threadsafe(loop.call_later, drain_time, pass_on, number, frame)

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping.begin)
        pass_on(number, frame)

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        for number, handler in servers.items():
            signal.signal(number, handler)
