"""The service's server: uvicorn, ended so that no request is lost."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import signal
import socket
import struct
import sys
import time

import uvicorn
from uvicorn.supervisors import Multiprocess

_APP = "partway.service.app:app_from_environment"
_KEEP_ALIVE = 75  #: seconds; longer than balancers and our own Retry-After wait, so that they close first
_FIRST_REQUEST = 5.0  #: seconds that a new connection has for its first request after SIGTERM
_BREATH = 0.05  #: seconds in which the event loop accepts all that waits
_MAX_MESSAGE = 4096  #: bytes; clients have nothing to say to us by WebSocket
_STARTUP_FAILURE = 3  #: uvicorn's exit code
_SO_ATTACH_FILTER = 26  # of Linux, which Python does not name; and a filter of one instruction: take nothing
_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)


def serve(listener: socket.socket, *, workers: int, grace_time: int) -> None:
    """Serve the service that the environment describes until a signal ends it.

    Args:
        listener: bound, and not listening yet.
        workers: processes.
        grace_time: seconds that requests under way have to finish.
    """
    # uvicorn sends itself the signal again in the end: https://github.com/encode/uvicorn/pull/1600
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        _APP,
        factory=True,
        workers=workers,
        log_level="warning",
        access_log=False,  # it would hold the signed URLs of the local store
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=grace_time,
        ws_max_size=_MAX_MESSAGE,
        ws_per_message_deflate=False,  # would cost each connection more memory than all else of it
    )
    if workers > 1:
        listener.set_inheritable(True)
        _Workers(config, sockets=[listener]).run()
        return
    server = _Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run([listener])
    if not server.started:
        sys.exit(_STARTUP_FAILURE)


class _Server(uvicorn.Server):
    """A server that answers whoever got a connection."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, hear what was accepted, and finish."""
        for listener in sockets or []:
            _refuse(listener)
        await asyncio.sleep(_BREATH)
        for server in self.servers:
            server.close()
        # Who types Ctrl-C does not want to wait for browsers that connect in advance.
        end = time.monotonic() + (_FIRST_REQUEST if signal.SIGTERM in self._captured_signals else 0)
        # uvicorn tells nobody when a request comes.
        while self._is_awaiting() and time.monotonic() < end and not self.force_exit:  # noqa: ASYNC110
            await asyncio.sleep(_BREATH)
        await super().shutdown(sockets)

    def _is_awaiting(self) -> bool:
        """Whether there is a connection on which nothing has been asked yet."""
        return any(getattr(each, "cycle", each) is None for each in self.server_state.connections)


class _Workers(Multiprocess):
    """Processes that accept from one listener."""

    def terminate_all(self) -> None:
        """End all of them."""
        super().terminate_all()
        for listener in self.sockets:
            listener.close()  # else connections would be taken that nobody ever serves


def _refuse(listener: socket.socket) -> None:
    """Have the kernel take no new connection for a listener, where it can; those that wait can still be accepted.

    Closing it alone would reset those that were made a moment before. Who comes meanwhile sends its SYN again, and then
    the listener is closed. https://docs.kernel.org/networking/filter.html
    """
    code = ctypes.create_string_buffer(_NOTHING)
    program = struct.pack("HL", 1, ctypes.addressof(code))
    if sys.platform == "linux":
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
