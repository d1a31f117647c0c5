"""Which store and which records the settings mean, opened and closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from partway.core.file import new_file_id
from partway.core.hooks import ApplicationHooks
from partway.core.ports import Cdn, Store
from partway.errors import Misconfigured, RecordsUnavailable, StoreRefused, StoreUnavailable
from partway.records.connect import connect_feed, connect_records
from partway.records.feed import Feed
from partway.records.sql import SqlRecords
from partway.s3.object_options import ObjectOptions
from partway.service.hooks import load_hooks
from partway.service.settings import BucketSettings, ServiceSettings
from partway.service.storage_settings import CdnSettings
from partway.stores.cloudfront import CloudFront
from partway.stores.local import BlockingLocalStore
from partway.stores.s3 import S3Settings, S3Store
from partway.threads import close_threads, in_threads

_LOCAL_STORE_THREADS = 8
#: Refusals that no waiting cures → what to look at.
_SETTING_BY_REFUSAL = {
    "AuthorizationHeaderMalformed": "S3_REGION",
    "ExpiredToken": "AWS_SESSION_TOKEN",
    "InvalidAccessKeyId": "AWS_ACCESS_KEY_ID",
    "NoSuchBucket": "S3_BUCKET_NAME",
    "PermanentRedirect": "S3_REGION",
    "RequestTimeTooSkewed": "S3_ENDPOINT_URL",
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY",
}
_SETTING_BY_OPTION_REFUSAL = {"InvalidStorageClass": "S3_STORAGE_CLASS", "InvalidTag": "S3_OBJECT_TAGS"}
_DISK_IS_PLAIN = (
    "is the local disk, which we do not encrypt, whatever S3_ENCRYPT_AT_REST says: encrypt its volume, or set "
    "S3_BUCKET_NAME."
)
Closer = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStore:
    """The store, and what the service must know of it besides the port."""

    store: Store
    local: BlockingLocalStore | None  #: whose data plane we serve ourselves, if the store is the local disk
    origins: Sequence[str]  #: where browsers must be allowed to send parts, besides our own origin
    aclose: Closer


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the service stands on."""

    store: OpenedStore
    records: SqlRecords
    feed: Feed  #: of what happens to the records' files
    database_url: str
    cdn: Cdn | None = None  #: where clients download, if not from the store
    hooks: ApplicationHooks | None = None  #: the application's

    async def start(self) -> None:
        """Bring the database's tables up to date."""
        try:
            await self.records.check()
        except RecordsUnavailable:
            await asyncio.to_thread(_upgrade_elsewhere, self.database_url)

    async def aclose(self) -> None:
        """Give back connections and threads."""
        await self.store.aclose()
        await self.records.aclose()


def wire_up(settings: ServiceSettings) -> Wiring:
    """Open the store and the records that the settings name.

    Raises:
        Misconfigured: they cannot be opened so.
    """
    _make_data_dir(settings.data_dir)
    feed = connect_feed(settings.effective_database_url)
    return Wiring(
        store=_open_bucket(settings.bucket) if settings.bucket.name else _open_disk(settings),
        records=connect_records(settings.effective_database_url, changed=feed.tell),
        feed=feed,
        database_url=settings.effective_database_url,
        cdn=_cdn(settings.cdn),
        hooks=load_hooks(settings.hooks),
    )


def _upgrade_elsewhere(database_url: str) -> None:
    """Migrate in a process of its own: what it needs would stay in this one's memory for good."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        process.submit(_upgrade, database_url).result()


def _upgrade(database_url: str) -> None:
    from partway.records.migrate import upgrade

    upgrade(database_url)


async def prepare(settings: ServiceSettings) -> str | None:
    """Open all that the settings name once, bring the tables up to date, and close it: before any process serves.

    Returns:
        What is in doubt about the store, for a person: the end of a sentence that begins with it. None: nothing is.

    Raises:
        Misconfigured: something cannot be opened so, or the store does not know the credentials or the bucket.
        RecordsUnavailable: the database does not answer.
    """
    wiring = wire_up(settings)
    try:
        await wiring.start()
        doubt = await _doubt(wiring.store.store)
        if doubt is not None:
            return f"not usable now: {doubt}"
        return await _doubt_of_options(wiring.store.store, settings)
    finally:
        await wiring.aclose()


async def _doubt(store: Store) -> str | None:
    """What keeps the store from being used, if it may pass: it is down, or allows too little to be asked."""
    try:
        await store.check()
    except StoreRefused as refusal:
        setting = _SETTING_BY_REFUSAL.get(refusal.facts.get("store_code", ""))
        if setting is not None:
            raise Misconfigured(refusal.detail, setting=setting) from refusal
        return refusal.detail
    except StoreUnavailable as error:
        return error.detail
    return None


def _cdn(cdn: CdnSettings | None) -> CloudFront | None:
    return None if cdn is None else CloudFront(cdn.url, key_id=cdn.key_id, private_key=cdn.private_key)


async def _doubt_of_options(store: Store, settings: ServiceSettings) -> str | None:
    """What keeps objects from being kept as the settings say: no file could be uploaded."""
    options = settings.bucket.options
    if not isinstance(store, S3Store):
        return _DISK_IS_PLAIN if options.encrypt_at_rest else None
    key = settings.uploads.key_template.key(
        file_id=new_file_id(), file_name="trial", owner="partway", folder="", created=datetime.now(UTC)
    )
    try:
        await store.try_options(key)
    except (StoreRefused, StoreUnavailable) as error:
        code = error.facts.get("store_code") or ""
        setting = "S3_SSE_KMS_KEY_ID" if code.startswith("KMS.") else _SETTING_BY_OPTION_REFUSAL.get(code)
        if setting is not None:
            raise Misconfigured(error.detail, setting=setting) from error
        return f"answers, but takes no object as {_asked_of(options)} say. {error.detail}"
    return None


def _asked_of(options: ObjectOptions) -> str:
    asked = {
        "S3_ENCRYPT_AT_REST": options.encrypt_at_rest and options.kms_key_id is None,
        "S3_SSE_KMS_KEY_ID": options.kms_key_id,
        "S3_STORAGE_CLASS": options.storage_class,
        "S3_OBJECT_TAGS": options.tags,
    }
    return ", ".join(setting for setting, value in asked.items() if value)


def _open_disk(settings: ServiceSettings) -> OpenedStore:
    local = BlockingLocalStore(
        settings.data_dir / "store",
        secret_key=settings.secret_key or _kept_secret(settings.data_dir),
        public_url=settings.public_url or "",
    )
    threaded = in_threads(local, workers=_LOCAL_STORE_THREADS, name="local-store")
    return OpenedStore(store=threaded, local=local, origins=(), aclose=lambda: close_threads(threaded))


def _open_bucket(bucket: BucketSettings) -> OpenedStore:
    store = S3Store.connect(
        S3Settings(
            bucket=bucket.name or "",
            region=bucket.region,
            endpoint_url=bucket.endpoint_url,
            public_endpoint_url=bucket.public_endpoint_url,
            access_key=bucket.access_key,
            secret_key=bucket.secret_key,
            session_token=bucket.session_token,
            style=bucket.addressing_style,
            options=bucket.options,
            read_timeout=bucket.read_timeout,
        )
    )
    return OpenedStore(store=store, local=None, origins=(store.public_origin,), aclose=store.aclose)


def _make_data_dir(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The data directory {data_dir} cannot be made: {error.strerror}. Name another with --data-dir.",
            setting="PARTWAY_DATA_DIR",
        ) from error


def _kept_secret(data_dir: Path) -> str:
    """The secret that signs the local store's URLs: made at the first start, readable by its owner alone."""
    path = data_dir / "secret.key"
    if not path.exists():
        # Written whole under another name, then given its name: of two processes that start at once, one wins.
        draft = data_dir / f"secret.key.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text()
