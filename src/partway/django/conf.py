"""The project's settings → store, records and how uploads are made.

Names are those that Django projects have (`AWS_…`, `MAX_FILE_UPLOAD_SIZE`, …); all else stands in a dict, `PARTWAY`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

from partway.core.hooks import ApplicationHooks
from partway.core.initiation import UploadSettings
from partway.core.keys import KeyTemplate
from partway.core.limits import Quota
from partway.core.policy import UploadPolicy
from partway.core.ports import Cdn, Store, TypeDetector
from partway.core.upkeep import UpkeepSettings
from partway.django.buckets import BucketPlace, CdnPlace
from partway.django.options import is_given, option, plain_setting, problems
from partway.django.storages import Place, open_store, place
from partway.errors import Misconfigured, MissingExtra
from partway.stores.local import BlockingLocalStore

#: The service's names of settings → ours, in what the core and the stores say of them.
_OUR_NAMES = {
    "PARTWAY_CLOUDFRONT_PRIVATE_KEY": "the key of CloudFront",
    "PARTWAY_DATA_DIR": 'PARTWAY["LOCAL_ROOT"]',
    "S3_ACL": "default_acl",
    "S3_ENDPOINT_URL": "AWS_S3_ENDPOINT_URL",
    "S3_FOLDER_STRUCTURE": 'PARTWAY["FOLDER_STRUCTURE"]',
    "S3_KEY_TEMPLATE": 'PARTWAY["KEY_TEMPLATE"]',
    "S3_OBJECT_TAGS": 'PARTWAY["OBJECT_TAGS"]',
    "S3_SSE_KMS_KEY_ID": 'PARTWAY["KMS_KEY_ID"]',
    "S3_STORAGE_CLASS": 'PARTWAY["STORAGE_CLASS"]',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the app stands on."""

    store: Store
    local: BlockingLocalStore | None  #: whose data plane we serve ourselves, if the store is the local disk
    database: str
    uploads: UploadSettings
    upkeep: UpkeepSettings
    download_expiry: int  #: seconds
    public_max_age: int  #: seconds
    public_url: str | None
    cdn: Cdn | None = None  #: where clients download, if not from the store
    hooks: ApplicationHooks | None = None  #: the project's


@cache
def configuration() -> Configuration:
    """What the settings say, read once.

    Raises:
        ImproperlyConfigured: they cannot be meant so.
    """
    with in_our_names():
        if wrong := problems():
            raise ImproperlyConfigured(" ".join(wrong))
        found = place()
        store = open_store(found)
        return Configuration(
            store=store,
            local=store if isinstance(store, BlockingLocalStore) else None,
            database=option("DATABASE"),
            uploads=upload_settings(found),
            upkeep=UpkeepSettings(
                complete_vanished=option("COMPLETE_VANISHED"),
                keep_ended=timedelta(days=option("KEEP_ENDED_DAYS")),
                keep_trash=timedelta(days=option("TRASH_DAYS")) if option("TRASH_DAYS") else None,
            ),
            download_expiry=option("DOWNLOAD_URL_EXPIRATION"),
            public_max_age=option("PUBLIC_MAX_AGE"),
            public_url=option("PUBLIC_URL"),
            cdn=_cdn(found.cdn) if isinstance(found, BucketPlace) else None,
            hooks=option("HOOKS"),
        )


@contextmanager
def in_our_names() -> Iterator[None]:
    """Say what is wrong with a setting as Django does, with the names that the project's settings have.

    Raises:
        ImproperlyConfigured: instead of `Misconfigured` and `MissingExtra`.
    """
    try:
        yield
    except (Misconfigured, MissingExtra) as error:
        names = "|".join(_OUR_NAMES)
        said = re.sub(rf"\b(?:{names})\b", lambda match: _OUR_NAMES[match[0]], error.detail)
        raise ImproperlyConfigured(said) from error


def upload_settings(found: Place) -> UploadSettings:
    """How uploads are made, if files lie there.

    Raises:
        Misconfigured, ImproperlyConfigured: a setting is wrong.
    """
    policy = UploadPolicy(
        max_file_size=plain_setting("MAX_FILE_UPLOAD_SIZE"),
        allowed_extensions=option("ALLOWED_EXTENSIONS"),
        allowed_content_types=plain_setting("ALLOWED_FILE_TYPES"),
    )
    return UploadSettings(
        policy=policy,
        key_template=_keys(found.prefix if isinstance(found, BucketPlace) else ""),
        part_size=option("PART_SIZE"),
        url_expiry=plain_setting("FILE_UPLOAD_PRESIGNED_URL_EXPIRATION"),
        upload_ttl=option("UPLOAD_TTL"),
        quota=Quota(bytes=plain_setting("FILE_UPLOAD_QUOTA_PER_USER"), uploads=option("QUOTA_UPLOADS")),
        detector=_detector(policy),
    )


def _keys(prefix: str) -> KeyTemplate:
    template = KeyTemplate(option("KEY_TEMPLATE") or KeyTemplate().template)
    if any(is_given(name) for name in ("FOLDER_STRUCTURE", "UUID_PREFIX", "PRESERVE_FILENAME")):
        structure = option("FOLDER_STRUCTURE")
        template = KeyTemplate.named(
            uuid_prefix=option("UUID_PREFIX"),
            preserve_filename=option("PRESERVE_FILENAME"),
            folder_structure="{year}/{month}/{day}" if structure is None else structure,
        )
    if not prefix:
        return template
    try:
        return KeyTemplate(f"{prefix}/{template.template}", setting=template.setting, may_repeat=template.may_repeat)
    except Misconfigured as error:
        raise ImproperlyConfigured(f"The storage's location is {prefix!r}: {error.detail}") from error


def _detector(policy: UploadPolicy) -> TypeDetector | None:
    restricted = policy.allowed_extensions is not None or policy.allowed_content_types is not None
    wanted = option("CHECK_CONTENT")
    if not (restricted if wanted is None else wanted):
        return None
    from partway.detection import Signatures

    return Signatures()


def _cdn(found: CdnPlace | None) -> Cdn | None:
    if found is None:
        return None
    from partway.stores.cloudfront import CloudFront

    return CloudFront(found.url, key_id=found.key_id, private_key=found.private_key)


@receiver(setting_changed)
def _read_again(**_: object) -> None:
    configuration.cache_clear()
