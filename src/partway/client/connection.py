"""One connection: sending by the kernel where it can, hearing early answers, noticing stalls."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from partway.client.answers import Answer, AnswerHead, AnswerReader, BrokenAnswer
from partway.client.requests import Body, Origin, Request
from partway.client.sources import file_changed
from partway.client.stopping import Stop

if TYPE_CHECKING:
    import ssl

_TICK = 1.0  #: seconds between looks at the stop flag and the stall clock while nothing moves
_MIN_SLICE = 64 * 1024  #: bytes handed to the kernel at once, at least
_MAX_SLICE = 4 * 1024 * 1024  #: bytes, at most
_CHUNK = 256 * 1024  #: bytes read at once where the kernel cannot send from the file
_SLICE_TIME = 0.1  #: seconds that one slice should take, so that progress is seen
_CONTINUE_WAIT = 1.0  #: seconds to wait for 100 Continue (RFC 9110, section 10.1.1)
_MAX_ANSWER = 256 * 1024 * 1024  #: bytes of an answer read into memory
_KERNEL_SENDS = hasattr(os, "sendfile") and sys.platform != "win32"

OnSent = Callable[[int], None]


class Stalled(TimeoutError):
    """Nothing moved for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait, in seconds."""

    connect: float = 10.0  #: for a connection
    stall: float = 30.0  #: without a byte moving while something is sent or received
    answer: float = 120.0  #: for an answer to begin after the last byte was sent


def next_slice(size: int, *, seconds: float) -> int:
    """How many bytes to hand to the kernel next, so that a slice takes about a tenth of a second.

    Args:
        size: of the last slice, bytes.
        seconds: that it took.
    """
    if seconds < _SLICE_TIME / 2:
        return min(size * 2, _MAX_SLICE)
    if seconds > _SLICE_TIME * 2:
        return max(size // 2, _MIN_SLICE)
    return size


class Connection:
    """One connection to an origin. Used by one thread at a time; `break_off` may come from any."""

    def __init__(self, origin: Origin, *, timeouts: Timeouts, stop: Stop, tls: Callable[[], ssl.SSLContext]) -> None:
        self.origin = origin
        self.fresh = True  #: no answer has come over it yet
        self.idle_since = 0.0
        self._timeouts = timeouts
        self._stop = stop
        self._reader = AnswerReader(self._receive)
        self._slice = _MIN_SLICE * 4
        self._patience = timeouts.stall
        self._quiet_since = 0.0
        self._queued = 0
        self._by_kernel = origin.scheme == "http" and _KERNEL_SENDS
        self._broken_off = False
        self._socket = self._connect(tls)
        self._poll = _readable_poll(self._socket)

    def exchange(self, request: Request, *, on_sent: OnSent | None = None, expect_continue: bool = False) -> Answer:
        """Send a request and read its whole answer, also one that comes before the body was sent.

        Raises:
            OSError: the connection broke or stalled.
            Stopped: the end was asked for.
            Refused: the file became shorter (code `file_changed`).
        """
        head = self.open(request, on_sent=on_sent, expect_continue=expect_continue)
        return Answer(head.status, head.headers, self._reader.read_all(at_most=_MAX_ANSWER))

    def open(self, request: Request, *, on_sent: OnSent | None = None, expect_continue: bool = False) -> AnswerHead:
        """Send a request and read the head of its answer; the body comes by `read_into`. Raises as `exchange`."""
        self._stop.check()
        self._reader.begin()
        self.reusable = False
        early = self._send(request, on_sent, expect_continue)
        self._hush(max(self._timeouts.answer, self._timeouts.stall))
        head = early or self._final_head(request.method)
        self.reusable = head.reusable and early is None
        self.fresh = False
        self._hush(self._timeouts.stall)
        return head

    def read_into(self, view: memoryview) -> int:
        """The next bytes of the answer's body; 0 at its end."""
        return self._reader.read_into(view)

    def read_all(self, *, at_most: int) -> bytes:
        """The rest of the answer's body."""
        return self._reader.read_all(at_most=at_most)

    @property
    def heard(self) -> bool:
        """Whether any byte of the present answer has come."""
        return self._reader.heard

    def usable(self, stop: Stop) -> bool:
        """Take an idle connection up again, unless the other side has closed it meanwhile."""
        self._stop = stop
        return not self._broken_off and not self._readable(0)

    def break_off(self) -> None:
        """End what is under way, from another thread."""
        self._broken_off = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._socket.close()

    def _connect(self, tls: Callable[[], ssl.SSLContext]) -> socket.socket:
        plain = socket.create_connection((self.origin.host, self.origin.port), timeout=self._timeouts.connect)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.origin.scheme == "https":
                plain = tls().wrap_socket(plain, server_hostname=self.origin.host)
            if self._by_kernel:
                # The kernel's own timeouts: it sends whole slices without waking us for each piece.
                plain.settimeout(None)
                tick = struct.pack("@ll", int(_TICK), int(_TICK % 1 * 1e6))
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, tick)
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, tick)
            else:
                plain.settimeout(_TICK)
        except BaseException:
            plain.close()
            raise
        return plain

    # Sending

    def _send(self, request: Request, on_sent: OnSent | None, expect_continue: bool) -> AnswerHead | None:
        """Send all of it, or stop at an answer that refuses it before its end."""
        self._hush(self._timeouts.stall)
        expect_continue = expect_continue and request.size > 0
        head = request.head(expect_continue=expect_continue)
        try:
            if request.body is None:
                self._send_bytes(head + request.content)
                return None
            self._send_bytes(head, more=request.size > 0 and not expect_continue)
            if expect_continue and self._readable(_CONTINUE_WAIT):
                answer = self._reader.read_head(method=request.method)
                if answer.status >= 200:
                    return answer
            return self._send_body(request.body, request.method, on_sent)
        except (BrokenPipeError, ConnectionResetError) as error:
            self._stop.check()
            return self._last_words(request.method, error)

    def _send_body(self, body: Body, method: str, on_sent: OnSent | None) -> AnswerHead | None:
        chunk = None if self._by_kernel and body.source.descriptor is not None else memoryview(bytearray(_CHUNK))
        sent = 0
        while sent < body.size:
            if sent and self._readable(0):
                return self._early_answer(method)
            began = time.monotonic()
            offset, wanted = body.offset + sent, min(body.size - sent, self._slice)
            count = (
                self._send_by_kernel(body, offset, wanted)
                if chunk is None
                else self._send_by_chunk(body, offset, chunk[:wanted])
            )
            sent += count
            if count == wanted:
                self._slice = next_slice(self._slice, seconds=time.monotonic() - began)
            if on_sent is not None:
                on_sent(count)
        return None

    def _send_by_kernel(self, body: Body, offset: int, wanted: int) -> int:
        descriptor = body.source.descriptor
        assert descriptor is not None
        while True:
            try:
                count = os.sendfile(self._socket.fileno(), descriptor, offset, wanted)
            except BlockingIOError:
                self._tick()
                continue
            if count == 0:
                raise file_changed("The file")
            self._hush(self._timeouts.stall)
            return count

    def _send_by_chunk(self, body: Body, offset: int, chunk: memoryview) -> int:
        count = body.source.read_into(chunk, offset)
        if count == 0:
            raise file_changed("The file")
        self._send_bytes(chunk[:count])
        return count

    def _send_bytes(self, data: bytes | memoryview, *, more: bool = False) -> None:
        view = memoryview(data)
        flags = socket.MSG_MORE if more and self._by_kernel and hasattr(socket, "MSG_MORE") else 0
        while view:
            try:
                count = self._socket.send(view, flags)
            except (BlockingIOError, TimeoutError):
                self._tick()
                continue
            view = view[count:]
            self._hush(self._timeouts.stall)

    # Hearing

    def _early_answer(self, method: str) -> AnswerHead:
        head = self._final_head(method)
        if head.status < 300:
            raise BrokenAnswer(f"The server answered {head.status} before it had read the body.")
        return head

    def _last_words(self, method: str, error: OSError) -> AnswerHead:
        """The other side closed while we were sending: it may have said why."""
        try:
            return self._early_answer(method)
        except OSError:
            raise error from None

    def _final_head(self, method: str) -> AnswerHead:
        while True:
            head = self._reader.read_head(method=method)
            if head.status >= 200:
                return head

    def _receive(self, view: memoryview) -> int:
        while True:
            try:
                count = self._socket.recv_into(view)
            except (BlockingIOError, TimeoutError):
                self._tick()
                continue
            self._stop.check()
            self._hush(self._timeouts.stall)
            return count

    def _readable(self, seconds: float) -> bool:
        """Whether the other side has said something, or closed."""
        if self.origin.scheme == "http":
            return self._poll(seconds)
        return self._said_over_tls(seconds)

    def _said_over_tls(self, seconds: float) -> bool:
        """TLS has messages of its own (session tickets), so a readable socket may have nothing for us."""
        import ssl

        secured = self._socket
        assert isinstance(secured, ssl.SSLSocket)
        if not secured.pending() and not self._poll(seconds):
            return False
        secured.settimeout(0)
        try:
            self._reader.feed(secured.recv(1))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            secured.settimeout(_TICK)
        return True

    # Time

    def _hush(self, patience: float) -> None:
        """Something moved: begin to count the quiet anew."""
        self._patience = patience
        self._quiet_since = time.monotonic()

    def _tick(self) -> None:
        """Nothing has moved for a moment."""
        self._stop.check()
        queued = _bytes_queued(self._socket)
        if queued < self._queued:
            self._quiet_since = time.monotonic()
        self._queued = queued
        if time.monotonic() - self._quiet_since > self._patience:
            raise Stalled(f"Nothing moved on the connection to {self.origin} for {self._patience:.0f} seconds.")


def _readable_poll(plain: socket.socket) -> Callable[[float], bool]:
    """A cheap question whether something has come, or the other side has closed."""
    if not hasattr(select, "poll"):
        return lambda seconds: bool(select.select([plain], [], [], seconds)[0])
    poll = select.poll()
    poll.register(plain, select.POLLIN)
    return lambda seconds: bool(poll.poll(seconds * 1000))


def _bytes_queued(plain: socket.socket) -> int:
    """Bytes that we have sent and the other side has not acknowledged: fewer than before means progress."""
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    answer = fcntl.ioctl(plain.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])
