"""What owners use, kept in the transaction of each change to their files."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, Self

from django.db import IntegrityError, connections, transaction

from partway.core.file import UNFINISHED, File, UploadStatus
from partway.django import models
from partway.errors import InvalidInput
from partway.records.limits import OVER_BYTES, OVER_UPLOADS, over_limit

_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Account:
    """What one file adds to its owner's sums."""

    bytes: int
    files: int
    open_uploads: int

    @classmethod
    def of(cls, file: File) -> Self:
        """What a file adds."""
        return cls(file.file_size * file.counted, int(file.counted), int(file.upload_status in UNFINISHED))

    @staticmethod
    def compared(file: File) -> dict[str, Any]:
        """The columns that decide it: who changes them must have seen the ones that stand."""
        return {
            "upload_status": file.upload_status.value,
            "counted": file.counted,
            "file_size": file.file_size,
        }

    def __add__(self, other: Account) -> Account:
        return Account(self.bytes + other.bytes, self.files + other.files, self.open_uploads + other.open_uploads)

    def __neg__(self) -> Account:
        return Account(-self.bytes, -self.files, -self.open_uploads)

    def __sub__(self, other: Account) -> Account:
        return Account(self.bytes - other.bytes, self.files - other.files, self.open_uploads - other.open_uploads)


class Room(NamedTuple):
    """The most that an owner's sums may be before something is added to them."""

    bytes: int = _MOST
    open_uploads: int = _MOST


_ANY_ROOM = Room()


def leaves_sums(changes: Mapping[str, Any], when: Collection[UploadStatus]) -> bool:
    """Whether a change to a record in one of some states leaves its owner's sums, whatever else the record says."""
    if not changes.keys().isdisjoint({"file_size", "counted"}):
        return False
    status = changes.get("upload_status")
    return status is None or (status in UNFINISHED and UNFINISHED.issuperset(when))


def account_new(using: str, files: Sequence[File]) -> None:
    """Add new files to their owners' sums, in a transaction that is under way.

    Raises:
        QuotaExceeded: one of them does not fit its limits when its turn comes.
        InvalidInput: the sums would have more than 64 bits.
    """
    for owner in sorted({file.created_by for file in files}):  # so that two transactions take their locks in one order
        own = [file for file in files if file.created_by == owner]
        account(using, owner, sum(map(Account.of, own), Account(0, 0, 0)), room=_room(own))


def account(using: str, owner: str, more: Account, *, room: Room = _ANY_ROOM) -> None:
    """Add to an owner's sums, in a transaction that is under way; its row is held until the end of that.

    Raises:
        QuotaExceeded, InvalidInput: there is no room.
    """
    if more == Account(0, 0, 0) or _add(using, owner, more, room):
        return
    rows = models.OwnerUsage.objects.using(using)
    with contextlib.suppress(IntegrityError), transaction.atomic(using):  # it is there if there is no room
        rows.create(pk=owner)
    if not _add(using, owner, more, room):
        _refuse(rows.get(pk=owner), more, room)


def _add(using: str, owner: str, more: Account, room: Room) -> bool:
    """Add if there is room. Every upload waits for this, and the ORM would take longer than the database."""
    connection = connections[using]
    names = (models.OwnerUsage._meta.db_table, "bytes", "files", "open_uploads", "owner")
    table, sizes, files, uploads, owners = map(connection.ops.quote_name, names)
    statement = (
        f"UPDATE {table} SET {sizes} = {sizes} + %s, {files} = {files} + %s, {uploads} = {uploads} + %s "  # noqa: S608  # names of ours
        f"WHERE {owners} = %s AND {sizes} <= %s AND {uploads} <= %s"
    )
    values: list[Any] = [more.bytes, more.files, more.open_uploads, owner, room.bytes, room.open_uploads]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.rowcount)


def _room(files: Sequence[File]) -> Room:
    """What new files need, so that each fits its limits when its turn comes."""
    sums, most_bytes, most_uploads = Account(0, 0, 0), _MOST, _MOST
    for file in files:
        adds = Account.of(file)
        sums += adds
        limit = file.quota_bytes if adds.files and file.quota_bytes is not None else _MOST
        most_bytes = min(most_bytes, limit - sums.bytes)
        if adds.open_uploads and file.quota_uploads is not None:
            most_uploads = min(most_uploads, file.quota_uploads - sums.open_uploads)
    return Room(most_bytes, most_uploads)


def _refuse(used: models.OwnerUsage, more: Account, room: Room) -> NoReturn:
    if used.bytes + more.bytes > _MOST:
        raise InvalidInput("The owner's bytes are out of range; numbers have at most 64 bits.")
    raise over_limit(OVER_BYTES if used.bytes > room.bytes else OVER_UPLOADS)
