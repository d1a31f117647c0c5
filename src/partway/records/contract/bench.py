"""The bench that records are checked on: files to add, deeds at once, and what a check expects."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from partway.contracts import ContractBroken
from partway.core.blocking import run_straight
from partway.core.file import File, UploadStatus, new_file_id, new_token
from partway.core.ports import Records

#: When the bench's files are created, if a check does not say.
MOMENT = datetime(2026, 3, 4, 5, 6, 7, 89012, tzinfo=UTC)

Deed = Callable[[], Coroutine[Any, Any, Any]]
#: Does several deeds at once and gives their results in order.
Together = Callable[[Sequence[Deed]], Awaitable[list[Any]]]


async def in_tasks(deeds: Sequence[Deed]) -> list[Any]:
    """Do deeds at once on the running loop."""
    return list(await asyncio.gather(*(deed() for deed in deeds)))


async def in_own_threads(deeds: Sequence[Deed]) -> list[Any]:
    """Do deeds that never suspend at once, each in a thread of its own."""
    with ThreadPoolExecutor(max_workers=len(deeds)) as threads:
        return list(threads.map(lambda deed: run_straight(deed()), deeds))


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Records on the bench. Every bench has owners of its own."""

    records: Records
    together: Together = in_tasks
    owner: str = field(default_factory=lambda: f"owner-{secrets.token_hex(6)}")

    @property
    def stranger(self) -> str:
        """Another owner."""
        return f"{self.owner}-stranger"

    def file(self, **fields: Any) -> File:
        """A fresh pending record of the bench's owner, with some fields set."""
        file_id = new_file_id()
        created = fields.get("created", MOMENT)
        standard: dict[str, Any] = {
            "id": file_id,
            "key": f"files/{file_id}_video.mp4",
            "token": new_token(),
            "file_name": "video.mp4",
            "file_size": 40_000_000,
            "file_content_type": "video/mp4",
            "name": "video.mp4",
            "created_by": self.owner,
            "part_size": 16_777_216,
            "num_parts": 3,
            "created": created,
            "modified": created,
            "expires": created + timedelta(days=1),
        }
        return File(**standard | fields)

    async def add(self, **fields: Any) -> File:
        """Add such a record."""
        return await self.records.add(self.file(**fields))

    async def add_row(self, count: int, **fields: Any) -> list[File]:
        """Add completed records, each a second younger than the one before; the newest comes first in the result."""
        files = [
            await self.add(
                **{"upload_status": UploadStatus.COMPLETED, "created": MOMENT + timedelta(seconds=second)} | fields
            )
            for second in range(count)
        ]
        return files[::-1]

    async def get(self, file: File) -> File:
        """The record as it stands; it must be there."""
        standing = await self.records.get(file.id)
        if standing is None:
            raise ContractBroken("expected that an added record is found by its id; found None")
        return standing


#: One check: raises `ContractBroken`, or passes.
Check = Callable[[Bench], Coroutine[Any, Any, None]]
