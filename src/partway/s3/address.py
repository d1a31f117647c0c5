"""Where a bucket's objects are: scheme, host and raw path, in path or in virtual-host style.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, urlsplit

from partway.errors import Misconfigured

Style = Literal["path", "virtual"]
_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=4096)
def encode_path(key: str) -> str:
    """A key as it stands in a URL: UTF-8, percent-encoded once, with `/` and RFC 3986's unreserved characters kept."""
    return quote(key, safe="/~")


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket at an endpoint."""

    scheme: str
    host: str  #: with the port, if it is not the scheme's own
    base_path: str  #: raw path in front of a key, without a slash at its end: `/bucket` in path style
    origin: str = field(init=False)  #: what browsers call the origin

    def __post_init__(self) -> None:
        object.__setattr__(self, "origin", f"{self.scheme}://{self.host}")

    @classmethod
    def of(
        cls, bucket: str, *, region: str, endpoint_url: str | None = None, style: Style | None = None
    ) -> BucketAddress:
        """The address of a bucket.

        Args:
            bucket: its name.
            region: for AWS's own endpoints.
            endpoint_url: of another store, may have a path in front; None: AWS.
            style: None: virtual-host style at AWS unless the bucket's name has a dot (its certificate covers none),
                path style elsewhere.

        Raises:
            Misconfigured: the endpoint is not an http(s) URL.
        """
        scheme, host, front = _endpoint(endpoint_url or _aws_endpoint(region))
        chosen = style or ("virtual" if endpoint_url is None and "." not in bucket else "path")
        if chosen == "virtual":
            return cls(scheme, f"{bucket}.{host}", front)
        return cls(scheme, host, f"{front}/{encode_path(bucket)}")

    def path(self, key: str = "") -> str:
        """The raw path of an object, or of the bucket itself."""
        return f"{self.base_path}/{encode_path(key)}" if key else self.base_path or "/"


def _endpoint(url: str) -> tuple[str, str, str]:
    """Scheme, host with port, and the path in front without a slash at its end."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    if (
        parts.scheme not in _DEFAULT_PORTS
        or not parts.hostname
        or port == 0
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise Misconfigured("S3_ENDPOINT_URL must be a URL such as https://s3.example.com.", setting="S3_ENDPOINT_URL")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        host += f":{port}"
    return parts.scheme, host, parts.path.rstrip("/")


def _aws_endpoint(region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://s3.{region}.{suffix}"
