"""Where files lie: a store of the project's own, the bucket of a storage or of the `AWS_…` settings, or the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, InMemoryStorage, storages

from partway.core.ports import MultipartStore, ObjectStore, Store
from partway.django.buckets import BucketPlace, bucket_of_settings, bucket_of_storage
from partway.django.options import is_given, option
from partway.stores.local import BlockingLocalStore
from partway.stores.s3 import S3Store

#: Classes of django-storages whose storages are buckets, with their subclasses; also of releases before 1.14.
_BUCKETS = {"storages.backends.s3.S3Storage", "storages.backends.s3boto3.S3Boto3Storage"}
_FOLDER = "partway"  # in the media files' folder
_VERBS = sorted(name for port in (MultipartStore, ObjectStore) for name in vars(port) if not name.startswith("_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskPlace:
    """A folder on the local disk."""

    root: Path
    instead_of: str | None = None  #: the class of the project's storage, if that is neither a bucket nor a disk


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPlace:
    """A store that the project makes."""

    make: Callable[[], Store]


Place = BucketPlace | DiskPlace | OwnPlace


def place() -> Place:
    """Where files lie, by the first of these that says so: `PARTWAY["STORE"]`, a storage, the `AWS_…` settings.

    Nothing is opened, and nobody is asked.

    Raises:
        ImproperlyConfigured: what says so says something wrong.
    """
    if is_given("STORE"):
        return OwnPlace(make=option("STORE"))
    alias = option("STORAGE")
    storage = _storage(alias or "default")
    if _is_bucket(storage):
        return bucket_of_storage(storage)
    if alias is None and getattr(settings, "AWS_STORAGE_BUCKET_NAME", None):
        return bucket_of_settings()
    return _disk(storage)


def open_store(found: Place) -> Store:
    """The store of a place. Nothing is asked of a bucket yet.

    Raises:
        Misconfigured, MissingExtra, ImproperlyConfigured: it cannot be opened so.
    """
    if isinstance(found, OwnPlace):
        return _own(found.make)
    if isinstance(found, BucketPlace):
        return S3Store.connect_blocking(found.settings)
    return BlockingLocalStore(found.root, secret_key=settings.SECRET_KEY, public_url=option("PUBLIC_URL") or "")


def local_disk() -> Store:
    """A `PARTWAY["STORE"]` that keeps files on the local disk whatever the project's storages are, as tests do."""
    return open_store(_disk(None))


def _storage(alias: str) -> Any:
    backends: Mapping[str, Any] = storages.backends
    if alias not in backends:
        raise ImproperlyConfigured(f"STORAGES has no {alias!r}.")
    try:
        return storages.create_storage(backends[alias])  # a fresh one: it reads the settings once
    except Exception as error:  # whatever a storage raises
        raise ImproperlyConfigured(f"The storage {alias!r} of STORAGES cannot be made: {error}") from error


def _is_bucket(storage: Any) -> bool:
    return any(f"{kind.__module__}.{kind.__qualname__}" in _BUCKETS for kind in type(storage).__mro__)


def _disk(storage: Any) -> DiskPlace:
    is_plain = storage is None or isinstance(storage, FileSystemStorage | InMemoryStorage)
    media = storage.base_location if isinstance(storage, FileSystemStorage) else settings.MEDIA_ROOT
    return DiskPlace(
        root=option("LOCAL_ROOT") or Path(media) / _FOLDER,
        instead_of=None if is_plain else f"{type(storage).__module__}.{type(storage).__qualname__}",
    )


def _own(make: Callable[[], Store]) -> Store:
    store = make()
    missing = [verb for verb in _VERBS if not hasattr(store, verb)]
    if missing:
        raise ImproperlyConfigured(
            f'PARTWAY["STORE"] made a {type(store).__name__}, which is no store: it has no {", ".join(missing)}. See '
            "partway.core.ports.Store."
        )
    return store
