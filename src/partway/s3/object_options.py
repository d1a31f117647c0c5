"""How the store is to keep what we put into it: encrypted, in a storage class, tagged, with an ACL. Pure.

The same headers go with CreateMultipartUpload, PutObject and CopyObject:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from partway.errors import Misconfigured

_STORAGE_CLASS = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_ACL = re.compile(r"[a-z]+(-[a-z]+)*")  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
_KMS_KEY = re.compile(r"[A-Za-z0-9:/_.-]{1,2048}")  # an id, an ARN, or an alias
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
_MAX_TAGS, _MAX_TAG_NAME, _MAX_TAG_VALUE = 10, 128, 256
_TAG = re.compile(r"[\w +\-=.:/@]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectOptions:
    """What every object that we create is created with. The default leaves it to the bucket.

    Raises:
        Misconfigured: at construction, if a value can be none that a store takes; the fact `setting` names it.
    """

    encrypt_at_rest: bool = False  #: with keys that the store manages (SSE-S3)
    kms_key_id: str | None = None  #: with this key of the KMS instead (SSE-KMS): id, ARN or alias
    storage_class: str | None = None  #: such as `STANDARD_IA`
    tags: Mapping[str, str] = field(default_factory=dict)
    acl: str | None = None  #: a canned ACL such as `bucket-owner-full-control`

    def __post_init__(self) -> None:
        if self.kms_key_id is not None and not _KMS_KEY.fullmatch(self.kms_key_id):
            raise Misconfigured("S3_SSE_KMS_KEY_ID is no key's id, ARN or alias.", setting="S3_SSE_KMS_KEY_ID")
        if self.acl is not None and not _ACL.fullmatch(self.acl):
            raise Misconfigured(f"'{self.acl}' is no canned ACL such as bucket-owner-full-control.", setting="S3_ACL")
        if self.storage_class is not None and not _STORAGE_CLASS.fullmatch(self.storage_class):
            raise Misconfigured(
                f"S3_STORAGE_CLASS is '{self.storage_class}'; it must be a class such as STANDARD_IA.",
                setting="S3_STORAGE_CLASS",
            )
        if len(self.tags) > _MAX_TAGS or not all(_is_tag(name, value) for name, value in self.tags.items()):
            raise Misconfigured(
                f"S3_OBJECT_TAGS may hold {_MAX_TAGS} tags of {_MAX_TAG_NAME} and {_MAX_TAG_VALUE} characters: "
                "letters, digits, spaces and + - = . _ : / @; no name may begin with 'aws:'.",
                setting="S3_OBJECT_TAGS",
            )

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say it, with lower-case names."""
        headers = {}
        if self.kms_key_id is not None:
            headers["x-amz-server-side-encryption"] = "aws:kms"
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = self.kms_key_id
        elif self.encrypt_at_rest:
            headers["x-amz-server-side-encryption"] = "AES256"
        if self.storage_class is not None:
            headers["x-amz-storage-class"] = self.storage_class
        if self.acl is not None:
            headers["x-amz-acl"] = self.acl
        if self.tags:
            headers["x-amz-tagging"] = "&".join(f"{_encoded(name)}={_encoded(tag)}" for name, tag in self.tags.items())
        return headers

    @property
    def copy_headers(self) -> dict[str, str]:
        """The headers of a copy: without a directive its source's tags would stay."""
        return {**self.headers, **({"x-amz-tagging-directive": "REPLACE"} if self.tags else {})}

    @property
    def form_fields(self) -> dict[str, str]:
        """The fields of a browser's form, where tags are a document:
        https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
        """
        fields = {name: value for name, value in self.headers.items() if name not in {"x-amz-acl", "x-amz-tagging"}}
        if self.acl is not None:
            fields["acl"] = self.acl
        if self.tags:
            tags = "".join(f"<Tag><Key>{name}</Key><Value>{tag}</Value></Tag>" for name, tag in self.tags.items())
            fields["tagging"] = f"<Tagging><TagSet>{tags}</TagSet></Tagging>"
        return fields


def _is_tag(name: str, value: str) -> bool:
    lengths = 1 <= len(name) <= _MAX_TAG_NAME and len(value) <= _MAX_TAG_VALUE
    return lengths and bool(_TAG.fullmatch(name) and _TAG.fullmatch(value)) and not name.lower().startswith("aws:")


def _encoded(text: str) -> str:
    return quote(text, safe="")
