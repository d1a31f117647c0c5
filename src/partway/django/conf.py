"""The project's settings → store, records and how uploads are made.

Names are those that Django projects have (`AWS_…`, `MAX_FILE_UPLOAD_SIZE`, …); all else stands in a dict, `PARTWAY`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

from partway.core.initiation import UploadSettings
from partway.core.keys import KeyTemplate
from partway.core.limits import Quota
from partway.core.parts import GIB, MIB
from partway.core.policy import UploadPolicy
from partway.core.ports import Store, TypeDetector
from partway.core.upkeep import UpkeepSettings
from partway.stores.local import BlockingLocalStore

_DAY = 24 * 3600  #: seconds
#: The keys of `PARTWAY`, and what holds without them.
DEFAULTS: Mapping[str, Any] = {
    "ALLOWED_EXTENSIONS": None,  # names without dots; None: all
    "CHECK_CONTENT": None,  # look at the bytes of every file; None: where types are restricted
    "COMPLETE_VANISHED": False,  # complete uploads past their deadline whose parts are all there
    "DATABASE": "default",  # alias
    "DOWNLOAD_URL_EXPIRATION": 3600,  # seconds
    "FOLDER_STRUCTURE": None,  # a template, see docs/storage.md
    "JWKS_URL": None,  # these four are those of `partway.django.tokens`
    "JWT_AUDIENCE": None,
    "JWT_ISSUER": None,
    "JWT_SECRET": None,
    "KEEP_ENDED_DAYS": 7,
    "MAX_BODY_SIZE": 4 * MIB,  # bytes of a body in JSON
    "PART_SIZE": 8 * MIB,  # bytes, preferred
    "PUBLIC_MAX_AGE": 300,  # seconds that caches may keep a public file
    "PUBLIC_URL": None,  # how clients reach the project; None: as each request did
    "QUOTA_UPLOADS": None,  # open uploads of one owner
    "TRASH_DAYS": 30,  # 0: for ever
    "UPLOAD_TTL": _DAY,  # seconds without a sign of life until an upload is given up
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


def option(name: str) -> Any:
    """One key of the dict `PARTWAY`.

    Raises:
        ImproperlyConfigured: the dict has a key that nobody knows.
    """
    given: Mapping[str, Any] = getattr(settings, "PARTWAY", {})
    if unknown := given.keys() - DEFAULTS.keys():
        raise ImproperlyConfigured(f"PARTWAY has no setting {min(unknown)!r}; it knows {', '.join(sorted(DEFAULTS))}.")
    return given.get(name, DEFAULTS[name])


@cache
def configuration() -> Configuration:
    """What the settings say, read once."""
    local = _local_store() if _bucket_name() is None else None
    return Configuration(
        store=local or _bucket(),
        local=local,
        database=option("DATABASE"),
        uploads=_uploads(),
        upkeep=UpkeepSettings(
            complete_vanished=option("COMPLETE_VANISHED"),
            keep_ended=timedelta(days=option("KEEP_ENDED_DAYS")),
            keep_trash=timedelta(days=option("TRASH_DAYS")) if option("TRASH_DAYS") else None,
        ),
        download_expiry=option("DOWNLOAD_URL_EXPIRATION"),
        public_max_age=option("PUBLIC_MAX_AGE"),
        public_url=option("PUBLIC_URL"),
    )


@receiver(setting_changed)
def _read_again(**_: object) -> None:
    configuration.cache_clear()


def _uploads() -> UploadSettings:
    policy = UploadPolicy(
        max_file_size=getattr(settings, "MAX_FILE_UPLOAD_SIZE", 5 * GIB),
        allowed_extensions=_names(option("ALLOWED_EXTENSIONS")),
        allowed_content_types=_names(getattr(settings, "ALLOWED_FILE_TYPES", None)),
    )
    structure = option("FOLDER_STRUCTURE")
    return UploadSettings(
        policy=policy,
        key_template=KeyTemplate() if structure is None else KeyTemplate(structure),
        part_size=option("PART_SIZE"),
        url_expiry=getattr(settings, "FILE_UPLOAD_PRESIGNED_URL_EXPIRATION", 3600),
        upload_ttl=option("UPLOAD_TTL"),
        quota=Quota(bytes=getattr(settings, "FILE_UPLOAD_QUOTA_PER_USER", None), uploads=option("QUOTA_UPLOADS")),
        detector=_detector(policy),
    )


def _names(given: Collection[str] | None) -> frozenset[str] | None:
    return None if given is None else frozenset(name.lower().removeprefix(".") for name in given)


def _detector(policy: UploadPolicy) -> TypeDetector | None:
    restricted = policy.allowed_extensions is not None or policy.allowed_content_types is not None
    wanted = option("CHECK_CONTENT")
    if not (restricted if wanted is None else wanted):
        return None
    from partway.detection import Signatures

    return Signatures()


def _bucket_name() -> str | None:
    return getattr(settings, "AWS_STORAGE_BUCKET_NAME", None) or None


def _bucket() -> Store:
    from partway.stores.s3 import S3Settings, S3Store

    def setting(name: str, otherwise: Any = None) -> Any:
        return getattr(settings, name, None) or otherwise

    return S3Store.connect_blocking(
        S3Settings(
            bucket=setting("AWS_STORAGE_BUCKET_NAME"),
            region=setting("AWS_S3_REGION_NAME", "us-east-1"),
            endpoint_url=setting("AWS_S3_ENDPOINT_URL"),
            public_endpoint_url=setting("AWS_S3_PUBLIC_ENDPOINT_URL"),
            access_key=setting("AWS_ACCESS_KEY_ID") or setting("AWS_S3_ACCESS_KEY_ID"),
            secret_key=setting("AWS_SECRET_ACCESS_KEY") or setting("AWS_S3_SECRET_ACCESS_KEY"),
            session_token=setting("AWS_SESSION_TOKEN"),
            style=setting("AWS_S3_ADDRESSING_STYLE"),
        )
    )


def _local_store() -> BlockingLocalStore:
    return BlockingLocalStore(
        Path(settings.MEDIA_ROOT) / "partway", secret_key=settings.SECRET_KEY, public_url=option("PUBLIC_URL") or ""
    )
