"""Says that a port is taken before anything else is said."""

from __future__ import annotations

import socket
import sys


def require_free(port: int) -> None:
    """End the program with a line that says what to do, unless the port of 127.0.0.1 is free.

    Raises:
        SystemExit: it is taken, or none.
    """
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except (OSError, OverflowError):
        sys.exit(f"error: port {port} cannot be listened on; choose another one by --port")
