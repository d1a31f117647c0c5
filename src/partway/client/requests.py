"""What is sent: a request's head as bytes, and a body in memory or from a source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from partway import __version__
from partway.client.sources import Source
from partway.errors import InvalidInput

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\uffff]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Body(NamedTuple):
    """`size` bytes of a source from an offset on."""

    source: Source
    offset: int  #: bytes
    size: int  #: bytes


class Request(NamedTuple):
    """One request. A body from a source is sent without passing through memory where the kernel can do that."""

    method: str
    origin: Origin
    target: str  #: path and query
    headers: Mapping[str, str]
    content: bytes = b""
    body: Body | None = None

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return self.body.size if self.body else len(self.content)

    def head(self, *, expect_continue: bool = False) -> bytes:
        """The head's bytes with the empty line at its end.

        Raises:
            InvalidInput: a header holds a line break.
        """
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {self.origin.authority}", _USER_AGENT]
        if self.method not in {"GET", "HEAD", "DELETE"} or self.size:
            lines.append(f"Content-Length: {self.size}")
        if expect_continue:
            lines.append("Expect: 100-continue")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise InvalidInput("A header of the request holds a line break.", field="headers")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


_USER_AGENT = f"User-Agent: partway/{__version__}"


def split_url(url: str) -> tuple[Origin, str]:
    """The origin of an absolute http(s) URL, and its path with the query.

    Raises:
        InvalidInput: it is none.
    """
    slash = url.find("/", url.find("://") + 3)
    base, target = (url, "/") if slash < 0 else (url[:slash], url[slash:])
    if _FORBIDDEN.search(target):
        raise InvalidInput(f"'{url[:200]}' is not a URL.", field="url")
    return _origin(base), target


@lru_cache(maxsize=64)
def _origin(base: str) -> Origin:
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or _FORBIDDEN.search(base) or parts.query:
        raise InvalidInput(f"'{base[:200]}' is not the URL of a server; it looks like https://host:port.", field="url")
    return Origin(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme])
