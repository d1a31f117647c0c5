"""The service's settings, read from the environment once, at start. A bad one stops the start with one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from partway.bucket.rules import BucketRules
from partway.core.initiation import UploadSettings
from partway.core.limits import Quota
from partway.core.parts import GIB, MIB
from partway.core.policy import UploadPolicy
from partway.core.ports import TypeDetector
from partway.core.rates import Rate
from partway.core.upkeep import UpkeepSettings
from partway.core.webhooks import WebhookSettings
from partway.errors import Misconfigured
from partway.s3.address import Style
from partway.s3.object_options import ObjectOptions
from partway.service.environment import Environment
from partway.service.storage_settings import CdnSettings, read_cdn, read_key_template, read_object_options
from partway.service.webhook_settings import read_webhooks

_DAY = 24 * 3600  #: seconds
_WEEK = 7 * _DAY  #: seconds; SigV4 signs no longer


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """How callers prove who they are. Neither a secret nor a key set: there is no authentication."""

    jwt_secret: str | None = None
    jwks_url: str | None = None
    issuer: str | None = None
    audience: str | None = None

    @property
    def configured(self) -> bool:
        """Whether callers must authenticate."""
        return self.jwt_secret is not None or self.jwks_url is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSettings:
    """The S3 bucket; None for `name` means the local disk."""

    name: str | None = None
    region: str = "us-east-1"
    endpoint_url: str | None = None
    public_endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None
    addressing_style: Style | None = None  #: path or virtual; None: path for custom endpoints, virtual for AWS
    options: ObjectOptions = field(default_factory=ObjectOptions)  #: how objects are kept
    read_timeout: int = 10  #: seconds without a byte of the store's answer


@dataclass(frozen=True, slots=True, kw_only=True)
class PresignSettings:
    """The stateless API."""

    prefix: str = ""  #: of its routes
    rules: BucketRules = field(default_factory=BucketRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """All that the service is told."""

    data_dir: Path = Path("partway-data")
    database_url: str | None = None  #: None: SQLite in the data directory
    secret_key: str | None = None  #: None: made once and kept in the data directory
    public_url: str | None = None  #: None: as each request reached us
    api_prefix: str = "/v1"
    cors_origins: tuple[str, ...] = ()
    download_expiry: int = 3600  #: seconds
    public_max_age: int = 300  #: seconds that caches may keep a public file
    upkeep: UpkeepSettings = field(default_factory=UpkeepSettings)
    upkeep_interval: int = 300  #: seconds between two runs of upkeep in the service; 0: none
    drain_time: int = 0  #: seconds after SIGTERM in which we still take connections, and say that we are not ready
    grace_time: int = 30  #: seconds that requests have to finish after that
    hooks: str | None = None  #: where the application's are: module:attribute
    notification_token: str | None = None  #: what the store's notifications must bring; None: they are not taken
    webhooks: WebhookSettings | None = None  #: None: nobody is told of events
    uploads: UploadSettings = field(default_factory=UploadSettings)
    rate: Rate | None = None  #: what each caller may ask for; None: anything
    rate_storage: str | None = None  #: URL of Redis; None: each process counts for itself
    bucket: BucketSettings = field(default_factory=BucketSettings)
    cdn: CdnSettings | None = None  #: None: clients download from the store
    auth: AuthSettings = field(default_factory=AuthSettings)
    presign: PresignSettings | None = None  #: None: off

    @property
    def effective_database_url(self) -> str:
        """The database in use."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'partway.sqlite3').absolute()}"


def read_settings(environment: Mapping[str, str], *, data_dir: Path | None = None) -> ServiceSettings:
    """Read the settings from environment variables; empty ones count as not set.

    Args:
        environment: such as `os.environ`.
        data_dir: instead of `PARTWAY_DATA_DIR`.

    Raises:
        Misconfigured: a setting is wrong; the fact `setting` names it.
    """
    read = Environment(environment)
    api_prefix = read.prefix("PARTWAY_API_PREFIX", "/v1")
    uploads = _upload_settings(read)
    return ServiceSettings(
        data_dir=data_dir or Path(read.text("PARTWAY_DATA_DIR") or "partway-data"),
        database_url=read.text("PARTWAY_DATABASE_URL"),
        secret_key=read.secret("PARTWAY_SECRET_KEY"),
        public_url=read.url("PARTWAY_PUBLIC_URL"),
        api_prefix=api_prefix,
        cors_origins=read.origins("PARTWAY_CORS_ORIGINS"),
        download_expiry=read.integer("S3_DOWNLOAD_URL_EXPIRY", 3600, low=1, high=_WEEK),
        public_max_age=read.integer("PARTWAY_PUBLIC_MAX_AGE", 300, low=0, high=365 * _DAY),
        upkeep=_upkeep_settings(read),
        upkeep_interval=read.integer("PARTWAY_UPKEEP_INTERVAL", 300, low=0, high=_WEEK),
        drain_time=read.integer("PARTWAY_DRAIN_TIME", 0, low=0, high=3600),
        grace_time=read.integer("PARTWAY_GRACE_TIME", 30, low=0, high=3600),
        hooks=read.attribute("PARTWAY_HOOKS"),
        notification_token=read.secret("PARTWAY_NOTIFICATION_TOKEN"),
        webhooks=read_webhooks(read),
        uploads=uploads,
        rate=read.rate("PARTWAY_RATE_LIMIT"),
        rate_storage=read.redis_url("PARTWAY_RATE_LIMIT_STORAGE"),
        bucket=_bucket_settings(read),
        cdn=read_cdn(read),
        auth=_auth_settings(read),
        presign=_presign_settings(read, uploads, api_prefix=api_prefix),
    )


def _upload_settings(read: Environment) -> UploadSettings:
    policy = UploadPolicy(
        max_file_size=read.megabytes("S3_MAX_FILE_SIZE_MB"),
        allowed_extensions=read.names("S3_ALLOWED_EXTENSIONS"),
        allowed_content_types=read.names("S3_ALLOWED_MIME_TYPES"),
    )
    return UploadSettings(
        policy=policy,
        detector=_detector(read, policy),
        key_template=read_key_template(read),
        part_size=read.integer("S3_PART_SIZE_MB", 8, low=5, high=5 * GIB // MIB) * MIB,
        url_expiry=read.integer("S3_PRESIGNED_URL_EXPIRY", 3600, low=1, high=_WEEK),
        upload_ttl=read.integer("PARTWAY_UPLOAD_TTL", _DAY, low=60, high=365 * _DAY),
        quota=Quota(bytes=read.size("PARTWAY_QUOTA_BYTES"), uploads=read.count("PARTWAY_QUOTA_UPLOADS")),
    )


def _detector(read: Environment, policy: UploadPolicy) -> TypeDetector | None:
    """Who looks at the bytes: where types are restricted somebody does, unless it is switched off."""
    restricted = policy.allowed_extensions is not None or policy.allowed_content_types is not None
    if read.text("PARTWAY_CHECK_CONTENT") is None and not restricted:
        return None
    if read.text("PARTWAY_CHECK_CONTENT") is not None and not read.switch("PARTWAY_CHECK_CONTENT"):
        return None
    from partway.detection import Signatures

    return Signatures()


def _upkeep_settings(read: Environment) -> UpkeepSettings:
    trash_days = read.integer("PARTWAY_TRASH_DAYS", 30, low=0, high=36_500)
    return UpkeepSettings(
        complete_vanished=read.switch("PARTWAY_COMPLETE_VANISHED"),
        keep_ended=timedelta(days=read.integer("PARTWAY_KEEP_ENDED_DAYS", 7, low=0, high=36_500)),
        keep_trash=timedelta(days=trash_days) if trash_days else None,
        keep_events=timedelta(days=read.integer("PARTWAY_KEEP_EVENTS_DAYS", 7, low=1, high=36_500)),
    )


def _presign_settings(read: Environment, uploads: UploadSettings, *, api_prefix: str) -> PresignSettings | None:
    """The stateless API's settings; limits are the service's own unless it has others."""
    if not read.switch("PARTWAY_PRESIGN_API"):
        return None
    prefix = read.prefix("PARTWAY_PRESIGN_PREFIX", "")
    if prefix == api_prefix:
        raise Misconfigured(
            "PARTWAY_PRESIGN_PREFIX and PARTWAY_API_PREFIX are the same, so two APIs would answer /files; set one.",
            setting="PARTWAY_PRESIGN_PREFIX",
        )
    rules = BucketRules(
        prefix=read.text("PARTWAY_PRESIGN_KEY_PREFIX") or "uploads/",
        policy=replace(uploads.policy, max_file_size=_max_file_size(read, uploads)),
        file_types=read.pairs("PARTWAY_PRESIGN_FILE_TYPES"),
        part_size=uploads.part_size,
        url_expiry=read.integer("PRESIGNED_URL_EXPIRATION", 600, low=1, high=_WEEK),
        download_expiry=read.integer("PRESIGNED_URL_EXPIRATION", 600, low=1, high=_WEEK),
    )
    # It knows no owner: it may not reach the files that have one.
    fixed = uploads.key_template.fixed_prefix
    if fixed.startswith(rules.keys.prefix) or rules.keys.prefix.startswith(fixed):
        raise Misconfigured(
            f"PARTWAY_PRESIGN_KEY_PREFIX is '{rules.keys.prefix}' and the keys of {uploads.key_template.setting} "
            f"begin with '{fixed}': the stateless API could reach the files of the other; keep them apart, as by "
            "files/{folder}/….",
            setting="PARTWAY_PRESIGN_KEY_PREFIX",
        )
    return PresignSettings(prefix=prefix, rules=rules)


def _max_file_size(read: Environment, uploads: UploadSettings) -> int | None:
    if read.text("MAX_FILE_SIZE") is None:
        return uploads.policy.max_file_size
    return read.integer("MAX_FILE_SIZE", 0, low=0, high=5 * GIB * 10_000)


def _bucket_settings(read: Environment) -> BucketSettings:
    access_key = read.text("AWS_ACCESS_KEY_ID") or read.text("AWS_ACCESS_KEY")
    secret_key = read.text("AWS_SECRET_ACCESS_KEY") or read.text("AWS_SECRET_KEY")
    if (access_key is None) != (secret_key is None):
        missing = "AWS_SECRET_ACCESS_KEY" if secret_key is None else "AWS_ACCESS_KEY_ID"
        raise Misconfigured(
            f"{missing} is not set: the access key and its secret belong together (both, or none for the chain of "
            "roles and profiles).",
            setting=missing,
        )
    name = read.text("S3_BUCKET_NAME") or read.text("AWS_BUCKET_NAME")
    return BucketSettings(
        name=name,
        region=read.text("S3_REGION") or read.text("AWS_REGION") or "us-east-1",
        endpoint_url=read.url("S3_ENDPOINT_URL"),
        public_endpoint_url=read.url("S3_PUBLIC_ENDPOINT_URL"),
        access_key=access_key,
        secret_key=secret_key,
        session_token=read.text("AWS_SESSION_TOKEN"),
        addressing_style=_style(read.text("S3_ADDRESSING_STYLE")),
        options=read_object_options(read, bucket=name),
        read_timeout=read.integer("S3_READ_TIMEOUT", 10, low=1, high=300),
    )


def _style(text: str | None) -> Style | None:
    styles: dict[str | None, Style | None] = {None: None, "path": "path", "virtual": "virtual"}
    if text in styles:
        return styles[text]
    raise Misconfigured("S3_ADDRESSING_STYLE must be 'path' or 'virtual'.", setting="S3_ADDRESSING_STYLE")


def _auth_settings(read: Environment) -> AuthSettings:
    settings = AuthSettings(
        jwt_secret=read.secret("PARTWAY_JWT_SECRET"),
        jwks_url=read.url("PARTWAY_JWKS_URL"),
        issuer=read.text("PARTWAY_JWT_ISSUER"),
        audience=read.text("PARTWAY_JWT_AUDIENCE"),
    )
    if settings.jwt_secret and settings.jwks_url:
        raise Misconfigured(
            "PARTWAY_JWT_SECRET and PARTWAY_JWKS_URL are both set; keep the one that your issuer uses.",
            setting="PARTWAY_JWKS_URL",
        )
    return settings
