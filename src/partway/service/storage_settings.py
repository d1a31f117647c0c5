"""The settings of keys, of how objects are kept, and of the CDN in front of the bucket."""

from __future__ import annotations

from dataclasses import dataclass, field

from partway.core.keys import KeyTemplate
from partway.errors import Misconfigured
from partway.s3.object_options import ObjectOptions
from partway.service.environment import Environment

_NAMING = ("S3_USE_UUID_PREFIX", "S3_PRESERVE_FILENAME")
_BUCKETS_ONLY = ("S3_SSE_KMS_KEY_ID", "S3_STORAGE_CLASS", "S3_OBJECT_TAGS", "PARTWAY_CDN_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnSettings:
    """CloudFront in front of the bucket."""

    url: str
    key_id: str | None = None  #: of the public key in a trusted key group; None: nothing is signed
    private_key: str | None = field(default=None, repr=False)  #: PEM text, or a path to it


def read_key_template(read: Environment) -> KeyTemplate:
    """How keys are made: by `S3_KEY_TEMPLATE`, or by the three plain settings. An empty structure is the root.

    Raises:
        Misconfigured: one of them is wrong, or both kinds are set.
    """
    template = read.text("S3_KEY_TEMPLATE")
    named = next((name for name in _NAMING if read.text(name) is not None), None)
    if read.present("S3_FOLDER_STRUCTURE"):
        named = "S3_FOLDER_STRUCTURE"
    if named is None:
        return KeyTemplate(template or KeyTemplate().template)
    if template is not None:
        raise Misconfigured(
            f"S3_KEY_TEMPLATE and {named} are both set, and both say how keys are made; keep one.",
            setting="S3_KEY_TEMPLATE",
        )
    structure = read.text("S3_FOLDER_STRUCTURE") or ""
    return KeyTemplate.named(
        uuid_prefix=read.switch("S3_USE_UUID_PREFIX", default=True),
        preserve_filename=read.switch("S3_PRESERVE_FILENAME", default=True),
        folder_structure=structure if read.present("S3_FOLDER_STRUCTURE") else "{year}/{month}/{day}",
    )


def read_object_options(read: Environment, *, bucket: str | None) -> ObjectOptions:
    """How objects are kept. The local disk keeps them as it is: what it cannot do may not be asked of it.

    Raises:
        Misconfigured: a value is wrong, two contradict each other, or there is no bucket to ask it of.
    """
    foreign = next((name for name in _BUCKETS_ONLY if bucket is None and read.text(name) is not None), None)
    if foreign is not None:
        raise Misconfigured(
            f"{foreign} is set and S3_BUCKET_NAME is not: the local disk cannot do that; name the bucket.",
            setting=foreign,
        )
    encrypt = read.switch("S3_ENCRYPT_AT_REST")
    kms_key_id = read.text("S3_SSE_KMS_KEY_ID")
    if kms_key_id is not None and read.text("S3_ENCRYPT_AT_REST") is not None and not encrypt:
        raise Misconfigured(
            "S3_SSE_KMS_KEY_ID is set and S3_ENCRYPT_AT_REST is false; keep one.", setting="S3_ENCRYPT_AT_REST"
        )
    return ObjectOptions(
        encrypt_at_rest=encrypt,
        kms_key_id=kms_key_id,
        storage_class=read.text("S3_STORAGE_CLASS"),
        tags=read.pairs("S3_OBJECT_TAGS") or {},
    )


def read_cdn(read: Environment) -> CdnSettings | None:
    """The CDN; None: there is none.

    Raises:
        Misconfigured: the address is wrong, or the key and its id do not stand together beside it.
    """
    url = read.url("PARTWAY_CDN_URL")
    key_id, private_key = read.text("PARTWAY_CLOUDFRONT_KEY_ID"), read.text("PARTWAY_CLOUDFRONT_PRIVATE_KEY")
    if (key_id is None) != (private_key is None):
        missing = "PARTWAY_CLOUDFRONT_KEY_ID" if key_id is None else "PARTWAY_CLOUDFRONT_PRIVATE_KEY"
        raise Misconfigured(f"{missing} is not set: the key and its id belong together.", setting=missing)
    if url is None and key_id is not None:
        raise Misconfigured(
            "PARTWAY_CLOUDFRONT_KEY_ID is set and PARTWAY_CDN_URL is not; name the distribution's URL.",
            setting="PARTWAY_CDN_URL",
        )
    return None if url is None else CdnSettings(url=url, key_id=key_id, private_key=private_key)
