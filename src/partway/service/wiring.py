"""Which store and which records the settings mean, opened and closed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from partway.core.ports import Checkable, Records, Store
from partway.errors import Misconfigured
from partway.records.connect import connect_records
from partway.records.migrate import upgrade
from partway.service.settings import BucketSettings, ServiceSettings
from partway.stores.local import BlockingLocalStore
from partway.stores.s3 import S3Settings, S3Store
from partway.threads import in_threads

_LOCAL_STORE_THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the service stands on."""

    store: Store
    local_store: BlockingLocalStore | None  #: whose data plane we serve ourselves, if the store is the local disk
    store_origins: Sequence[str]  #: where browsers must be allowed to send parts, besides our own origin
    records: Records
    database_url: str
    closers: Sequence[Callable[[], Awaitable[None]]]

    async def start(self) -> None:
        """Bring the database's tables up to date."""
        await asyncio.to_thread(upgrade, self.database_url)

    async def check_records(self) -> None:
        """Raise `RecordsUnavailable` if the database does not answer."""
        if isinstance(self.records, Checkable):
            await self.records.check()

    async def aclose(self) -> None:
        """Give back connections and threads."""
        for close in self.closers:
            await close()
