"""The store port on S3, written once over a transport."""

from __future__ import annotations

from partway.s3.address import BucketAddress
from partway.stores.s3.calls import S3Calls
from partway.stores.s3.copies import S3Copies
from partway.stores.s3.credentials import AsyncChain, BlockingChain, CredentialsSource, fixed_credentials
from partway.stores.s3.settings import S3Settings
from partway.stores.s3.transport import Transport


class S3Store(S3Copies):
    """A bucket. See `core.ports.Store`, and every optional power of stores there, for its verbs.

    Make one with `connect` (for an event loop) or `connect_blocking` (for threads).
    """

    @classmethod
    def connect(cls, settings: S3Settings) -> S3Store:
        """A store for one event loop. Nothing is opened before it is used.

        Raises:
            Misconfigured, MissingExtra: the settings are wrong, or a package is missing.
        """
        from partway.stores.s3.aiohttp_transport import AiohttpTransport

        transport = AiohttpTransport(
            max_connections=settings.max_connections,
            connect_timeout=settings.connect_timeout,
            pool_timeout=settings.read_timeout,
        )
        return cls._over(transport, fixed_credentials(settings) or AsyncChain(settings.profile), settings)

    @classmethod
    def connect_blocking(cls, settings: S3Settings) -> S3Store:
        """A store for threads: its verbs never suspend. Raises as `connect`."""
        from partway.stores.s3.blocking_transport import BlockingTransport

        transport = BlockingTransport(
            max_connections=settings.max_connections,
            connect_timeout=settings.connect_timeout,
            pool_timeout=settings.read_timeout,
        )
        return cls._over(transport, fixed_credentials(settings) or BlockingChain(settings.profile), settings)

    @classmethod
    def _over(cls, transport: Transport, credentials: CredentialsSource, settings: S3Settings) -> S3Store:
        def address(endpoint_url: str | None) -> BucketAddress:
            return BucketAddress.of(
                settings.bucket, region=settings.region, endpoint_url=endpoint_url, style=settings.style
            )

        calls = S3Calls(
            address=address(settings.endpoint_url),
            region=settings.region,
            credentials=credentials,
            transport=transport,
            patience=settings.patience,
            read_timeout=settings.read_timeout,
        )
        public_address = address(settings.public_endpoint_url or settings.endpoint_url)
        return cls(
            bucket=settings.bucket,
            calls=calls,
            public_address=public_address,
            copy_limit=settings.copy_limit,
            options=settings.options,
        )
