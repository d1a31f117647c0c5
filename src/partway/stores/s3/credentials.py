"""Where the keys come from: fixed, or botocore's chain, refreshed ahead of expiry."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime
from typing import Any, Protocol

from partway.errors import Misconfigured, MissingExtra, StoreUnavailable
from partway.s3.credentials import Credentials
from partway.stores.s3.settings import S3Settings

_KEPT_FOR = 60.0  #: seconds that a set of keys is used without asking the chain again


class CredentialsSource(Protocol):
    """Gives the keys of the moment."""

    async def current(self) -> Credentials:
        """Valid keys.

        Raises:
            StoreUnavailable: they cannot be refreshed now.
        """
        ...


class FixedCredentials:
    """The same keys always."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def current(self) -> Credentials:
        """The keys."""
        return self._credentials


class BlockingChain:
    """Keys from botocore's chain; asking may wait for the network in the caller's thread.

    botocore refreshes temporary keys a quarter of an hour ahead of their end.

    Args:
        profile: of botocore's configuration files; None: the one that the environment names, or the default.
    """

    def __init__(self, profile: str | None = None) -> None:
        self._chain = _load_chain(profile)
        self._one_at_a_time = threading.Lock()
        self._kept: Credentials | None = None
        self._kept_until = 0.0

    async def current(self) -> Credentials:
        """The keys of the moment."""
        return self.kept() or self.fetch()

    def kept(self) -> Credentials | None:
        """The keys, if they were asked for within the last minute."""
        return self._kept if time.monotonic() < self._kept_until else None

    def fetch(self) -> Credentials:
        """Ask the chain.

        Raises:
            StoreUnavailable: it cannot refresh the keys.
        """
        with self._one_at_a_time:
            kept = self.kept()
            if kept is not None:
                return kept
            credentials = _frozen(self._chain)
            self._kept, self._kept_until = credentials, time.monotonic() + _KEPT_FOR
            return credentials


class AsyncChain:
    """Keys from botocore's chain without holding the event loop up; see `BlockingChain`."""

    def __init__(self, profile: str | None = None) -> None:
        self._chain = BlockingChain(profile)

    async def current(self) -> Credentials:
        """The keys of the moment."""
        kept = self._chain.kept()
        return kept if kept is not None else await asyncio.to_thread(self._chain.fetch)


def fixed_credentials(settings: S3Settings) -> FixedCredentials | None:
    """The keys of the settings, if they hold any.

    Raises:
        Misconfigured: only one half of them is there.
    """
    if settings.access_key is None and settings.secret_key is None:
        return None
    if not settings.access_key or not settings.secret_key:
        raise Misconfigured("The access key and its secret belong together.", setting="AWS_SECRET_ACCESS_KEY")
    return FixedCredentials(Credentials(settings.access_key, settings.secret_key, settings.session_token or None))


def _frozen(chain: Any) -> Credentials:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        frozen = chain.get_frozen_credentials()
    except (BotoCoreError, ClientError, OSError, RuntimeError) as error:  # RuntimeError: renewed, but expired already
        raise StoreUnavailable("The store's credentials cannot be refreshed now; try again.", retry_after=5) from error
    # The chain tells the end of temporary keys nowhere else.
    expires: datetime | None = getattr(chain, "_expiry_time", None)
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token or None, expires)


def _load_chain(profile: str | None) -> Any:
    try:
        import botocore.session
        from botocore.exceptions import ProfileNotFound
    except ModuleNotFoundError as error:
        raise MissingExtra("aws", module="botocore") from error
    try:
        chain = botocore.session.Session(profile=profile).get_credentials()
    except ProfileNotFound as error:
        raise Misconfigured(f"{error}.", setting="AWS_PROFILE") from error
    if chain is None:
        raise Misconfigured(
            "There are no credentials for the store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this "
            "machine a role or a profile.",
            setting="AWS_ACCESS_KEY_ID",
        )
    return chain
