"""How a bucket is reached."""

from __future__ import annotations

from dataclasses import dataclass, field

from partway.s3.address import Style
from partway.s3.object_options import ObjectOptions
from partway.s3.requests import MAX_COPY_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """A bucket, where it is, and who asks."""

    bucket: str
    region: str = "us-east-1"
    endpoint_url: str | None = None  #: how we reach the store; None: AWS
    public_endpoint_url: str | None = None  #: how clients reach it; None: as we do
    access_key: str | None = None  #: None: botocore's chain (roles, web identity, profiles, SSO, instance metadata)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None  #: of botocore's chain; None: the one that the environment names, or the default
    style: Style | None = None  #: None: virtual-host style at AWS, path style elsewhere
    copy_limit: int = MAX_COPY_SIZE  #: bytes; larger objects are copied as multipart uploads. Some stores take less
    options: ObjectOptions = field(default_factory=ObjectOptions)  #: what every object is created with
    max_connections: int = 64  #: for requests, and as many for objects that are read
    connect_timeout: float = 5.0  #: seconds
    read_timeout: float = 10.0  #: seconds without a byte of an answer or a free connection; joins and copies take more
    patience: float = 30.0  #: seconds that a request is tried again while the store is not available
