"""The local store's routes in a server process of their own, over a root that others may share."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import urllib3
import uvicorn
from fastapi import FastAPI

from partway.fastapi.store_routes import store_router
from partway.stores.contract import Answer
from partway.stores.local import BlockingLocalStore
from tests.servers.ports import free_port, wait_for_port

SECRET_KEY = "a secret of at least thirty-two bytes"


def open_store(root: Path) -> BlockingLocalStore:
    """A store over a root, which signs as every other of this module does."""
    return BlockingLocalStore(root, secret_key=SECRET_KEY)


class LocalStoreServer:
    """uvicorn with nothing but the store's routes.

    Args:
        root: the store's.
        max_file_size: bytes of the largest file that the process may write, like a disk that is full.
        prefix: a path in front of `/store`, as behind a proxy.
    """

    def __init__(self, root: Path, *, max_file_size: int | None = None, prefix: str = "") -> None:
        self.root = root
        self.port = free_port()
        self._prefix = prefix
        self._limit = str(max_file_size) if max_file_size is not None else "-"
        self._process: subprocess.Popen[bytes] | None = None
        self._pool = urllib3.PoolManager(retries=False, timeout=30)

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> LocalStoreServer:
        """Start, and return once it accepts connections."""
        command = [sys.executable, "-m", "tests.servers.local_store", str(self.root), str(self.port)]
        self._process = subprocess.Popen(
            [*command, self._limit, self._prefix], cwd=Path(__file__).parents[2], start_new_session=True
        )
        wait_for_port(self.port)
        return self

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        self._pool.clear()
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(20)

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request, as a check of the contract does."""
        response = self._pool.request(
            method,
            f"http://127.0.0.1:{self.port}{self._prefix}{url}",
            headers=dict(headers),
            body=body if method in {"PUT", "POST"} else None,
            preload_content=True,
        )
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, response.data)

    def __enter__(self) -> LocalStoreServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def main() -> None:
    root, port, limit, prefix = sys.argv[1:]
    if limit != "-":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    app = FastAPI(root_path=prefix)
    app.include_router(store_router(open_store(Path(root))))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
