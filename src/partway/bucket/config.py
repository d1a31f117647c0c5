"""The settings of an `S3MultipartHandler`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from partway.bucket.rules import BucketRules
from partway.core.parts import GIB, MIB
from partway.core.policy import UploadPolicy
from partway.stores.s3.settings import S3Settings


class S3Config(BaseModel):
    """A bucket, who asks, and what may be put into it.

    Without keys, those of the environment's own chain are used: roles, web identity, profiles, instance metadata.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bucket_name: str
    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = Field(default=None, repr=False)
    aws_session_token: str | None = Field(default=None, repr=False)
    region: str = "us-east-1"
    endpoint_url: str | None = None  #: how we reach the store; None: AWS
    public_endpoint_url: str | None = None  #: how clients reach it; None: as we do
    addressing_style: Literal["path", "virtual"] | None = None  #: None: virtual at AWS, path elsewhere
    prefix: str = "uploads/"  #: all keys begin with it, and none outside is touched; empty: the whole bucket
    part_size: int = Field(default=5 * MIB, ge=5 * MIB, le=5 * GIB)  #: bytes; grows for files of more than 10,000 parts
    presigned_url_expiry: int = Field(default=3600, ge=60, le=604_800)  #: seconds
    max_file_size: int = Field(default=5 * GIB, ge=0)  #: bytes
    allowed_extensions: list[str] | None = None  #: None: any
    allowed_content_types: list[str] | None = None  #: media types, `image/*` for all images; None: any
    file_types: dict[str, str] | None = None  #: extension (`.pdf`) → the only type it may have; None: any

    def rules(self) -> BucketRules:
        """What may be put into the bucket.

        Raises:
            Misconfigured: the prefix or the table of types is none.
        """
        return BucketRules(
            prefix=self.prefix,
            policy=UploadPolicy(
                max_file_size=self.max_file_size,
                allowed_extensions=_names(self.allowed_extensions),
                allowed_content_types=_names(self.allowed_content_types),
            ),
            file_types=self.file_types,
            part_size=self.part_size,
            url_expiry=self.presigned_url_expiry,
            download_expiry=self.presigned_url_expiry,
        )

    def store_settings(self) -> S3Settings:
        """Where the bucket is, and who asks."""
        return S3Settings(
            bucket=self.bucket_name,
            region=self.region,
            endpoint_url=self.endpoint_url,
            public_endpoint_url=self.public_endpoint_url,
            access_key=self.aws_access_key_id,
            secret_key=self.aws_secret_access_key,
            session_token=self.aws_session_token,
            style=self.addressing_style,
        )


def _names(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(name.strip().lower().removeprefix(".") for name in names)
