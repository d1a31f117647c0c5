"""A client of the presigned-URL application.

python -m examples.presign_app.client health
python -m examples.presign_app.client upload report.pdf
python -m examples.presign_app.client list
python -m examples.presign_app.client download KEY copy.pdf
python -m examples.presign_app.client delete KEY
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

_TIMEOUT = 60  #: seconds without a byte


class PresignClient:
    """Talks to the routes of `presign_router`.

    Args:
        service: its URL.
    """

    def __init__(self, service: str) -> None:
        self._service = service

    def health(self) -> dict[str, Any]:
        """Whether the store answers the service."""
        return self._call("GET", "/health")

    def upload(self, path: Path) -> str:
        """Send a file straight to the store; its key."""
        size = path.stat().st_size
        # With its size and `once`, the URL takes this file and no other, and never overwrites.
        asked = {"filename": path.name, "file_size": size, "once": True}
        signed = self._call("POST", "/upload-url", json=asked)
        with path.open("rb") as file:
            answer = requests.put(
                signed["presigned_url"],
                data=file if size else b"",  # an empty file object would be sent in chunks, which S3 does not take
                headers=signed["headers"],  # all of them: they are signed
                timeout=_TIMEOUT,
            )
        answer.raise_for_status()
        return str(signed["file_key"])

    def files(self) -> Iterator[dict[str, Any]]:
        """All files, page after page."""
        query: dict[str, Any] = {"max_keys": 1000}
        while True:
            page = self._call("GET", "/files", params=query)
            yield from page["files"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def download(self, key: str, path: Path) -> None:
        """Fetch a file straight from the store; a broken download leaves no file."""
        url = self._call("POST", "/download-url", json={"file_key": key})["presigned_url"]
        partial = path.with_name(f"{path.name}.partial")
        with requests.get(url, stream=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            with partial.open("wb") as file:
                for chunk in answer.iter_content(1024 * 1024):
                    file.write(chunk)
        partial.replace(path)

    def delete(self, key: str) -> None:
        """Delete a file."""
        self._call("DELETE", f"/files/{quote(key)}")

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = requests.request(method, f"{self._service}{path}", timeout=_TIMEOUT, **options)
        said: dict[str, Any] = answer.json()
        if not answer.ok:
            raise requests.HTTPError(said["detail"], response=answer)  # what is wrong, and what to do
        return said


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.presign_app.client")
    parser.add_argument("--service", default="http://127.0.0.1:8000", help="default: http://127.0.0.1:8000")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("health")
    verbs.add_parser("upload").add_argument("path", type=Path)
    verbs.add_parser("list")
    download = verbs.add_parser("download")
    download.add_argument("key")
    download.add_argument("path", type=Path)
    verbs.add_parser("delete").add_argument("key")
    options = parser.parse_args()
    try:
        _run(PresignClient(options.service), options)
    except (requests.RequestException, OSError) as error:
        sys.exit(f"error: {error}")


def _run(client: PresignClient, options: argparse.Namespace) -> None:
    match options.verb:
        case "health":
            print(client.health()["status"])
        case "upload":
            print(client.upload(options.path))
        case "list":
            for file in client.files():
                print(f"{file['size']:>12}  {file['key']}")
        case "download":
            client.download(options.key, options.path)
        case "delete":
            client.delete(options.key)


if __name__ == "__main__":
    main()
