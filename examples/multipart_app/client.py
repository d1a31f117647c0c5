"""A client of the multipart application: sends a file in parts, several at once.

python -m examples.multipart_app.client upload big.bin
python -m examples.multipart_app.client list
python -m examples.multipart_app.client download KEY copy.bin
python -m examples.multipart_app.client delete KEY
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

_TIMEOUT = 60  #: seconds without a byte


class MultipartClient:
    """Talks to the routes of `app.py`.

    Args:
        service: its URL.
        at_once: parts under way at the same time; memory holds as many.
    """

    def __init__(self, service: str, *, at_once: int = 4) -> None:
        self._service = service
        self._at_once = at_once

    def upload(self, path: Path) -> dict[str, Any]:
        """Send a file; what the service says of it then, such as its `key`."""
        begun = self._call("POST", "/upload/initiate", filename=path.name, file_size=path.stat().st_size)
        upload = {"upload_id": begun["upload_id"], "key": begun["key"]}

        def send(number: int) -> dict[str, Any]:
            return self._send_part(path, upload, number, offset=(number - 1) * begun["part_size"])

        try:
            with ThreadPoolExecutor(self._at_once) as threads:
                parts = list(threads.map(send, range(1, begun["parts_count"] + 1)))
            return self._call("POST", "/upload/complete", json=parts, **upload)
        except BaseException:  # also Ctrl-C: parts that nobody will join cost storage
            with contextlib.suppress(requests.RequestException):
                self._call("POST", "/upload/abort", **upload)
            raise

    def _send_part(self, path: Path, upload: dict[str, str], number: int, *, offset: int) -> dict[str, Any]:
        # Asked for when its turn comes: a URL that was made an hour ago might have expired.
        signed = self._call("POST", "/upload/presigned-url", part_number=number, **upload)
        with path.open("rb") as file:
            file.seek(offset)
            body = file.read(signed["size"])
        answer = requests.put(signed["url"], data=body, headers=signed["headers"], timeout=_TIMEOUT)
        answer.raise_for_status()
        return {"PartNumber": number, "ETag": answer.headers["ETag"]}

    def files(self) -> Iterator[dict[str, Any]]:
        """All files, page after page."""
        page = self._call("GET", "/files", page_size=1000)
        yield from page["files"]
        while page["next_cursor"]:
            page = self._call("GET", "/files", page_size=1000, cursor=page["next_cursor"])
            yield from page["files"]

    def download(self, key: str, path: Path) -> None:
        """Fetch a file; a broken download leaves no file."""
        url = self._call("GET", "/files/download-url", key=key)["url"]
        partial = path.with_name(f"{path.name}.partial")
        with requests.get(url, stream=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            with partial.open("wb") as file:
                for chunk in answer.iter_content(1024 * 1024):
                    file.write(chunk)
        partial.replace(path)

    def delete(self, key: str) -> None:
        """Delete a file."""
        self._call("DELETE", "/files", key=key)

    def _call(self, method: str, path: str, *, json: Any = None, **query: Any) -> dict[str, Any]:
        answer = requests.request(method, f"{self._service}{path}", params=query, json=json, timeout=_TIMEOUT)
        said: dict[str, Any] = answer.json()
        if not answer.ok:
            raise requests.HTTPError(said["detail"], response=answer)  # what is wrong, and what to do
        return said


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.multipart_app.client")
    parser.add_argument("--service", default="http://127.0.0.1:8000", help="default: http://127.0.0.1:8000")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("upload").add_argument("path", type=Path)
    verbs.add_parser("list")
    download = verbs.add_parser("download")
    download.add_argument("key")
    download.add_argument("path", type=Path)
    verbs.add_parser("delete").add_argument("key")
    options = parser.parse_args()
    client = MultipartClient(options.service)
    try:
        if options.verb == "upload":
            print(client.upload(options.path)["key"])
        elif options.verb == "list":
            for file in client.files():
                print(f"{file['size']:>12}  {file['key']}")
        elif options.verb == "download":
            client.download(options.key, options.path)
        else:
            client.delete(options.key)
    except (requests.RequestException, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
