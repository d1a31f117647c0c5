"""A proxy that passes bytes on as they are, counts them, and lets them through only so fast."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

_CHUNK = 64 * 1024  # bytes


class MeteredProxy:
    """A TCP relay to a port of 127.0.0.1.

    Args:
        port: where to.
        rate: bytes per second and direction, over all connections; None: as fast as they come.
    """

    def __init__(self, port: int, *, rate: float | None = None) -> None:
        self.rate = rate
        self._upstream = port
        self._lock = threading.Lock()
        self._sent = self._received = self._open = 0
        self._free_at = {"sent": 0.0, "received": 0.0}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def sent(self) -> int:
        """Bytes that went to the upstream."""
        return self._sent

    @property
    def total(self) -> int:
        """Bytes that went either way."""
        return self._sent + self._received

    def wait_until_quiet(self, *, timeout: float = 30.0) -> None:
        """Return once no connection is open: nothing is on its way any more."""
        end = time.monotonic() + timeout
        while self._open:
            if time.monotonic() > end:
                raise TimeoutError(f"{self._open} connections are still open")
            time.sleep(0.01)

    def close(self) -> None:
        """Accept no more."""
        # Without it the thread that waits in `accept` would keep the socket alive.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open += 1
        try:
            with client, socket.create_connection(("127.0.0.1", self._upstream)) as server:
                back = threading.Thread(target=self._relay, args=(server, client, "received"), daemon=True)
                back.start()
                self._relay(client, server, "sent")
                back.join()
        except OSError:
            pass  # nobody listens there now: the client sees its connection end
        finally:
            with self._lock:
                self._open -= 1

    def _relay(self, source: socket.socket, target: socket.socket, way: str) -> None:
        try:
            while data := source.recv(_CHUNK):
                self._pay(len(data), way)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One side has gone; the other must not wait for it.
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _pay(self, count: int, way: str) -> None:
        with self._lock:
            if way == "sent":
                self._sent += count
            else:
                self._received += count
            if self.rate is None:
                return
            self._free_at[way] = max(self._free_at[way], time.monotonic()) + count / self.rate
            pause = self._free_at[way] - time.monotonic()
        time.sleep(max(0.0, pause))
