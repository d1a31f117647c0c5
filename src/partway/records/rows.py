"""How records look in a database driver's rows: the one way in and the one way out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from partway.core.checksums import ChecksumAlgorithm
from partway.core.deliveries import Endpoint
from partway.core.events import Event, EventType
from partway.core.file import File, UploadStatus
from partway.core.parts import StoredPart
from partway.core.webhooks import Delivery
from partway.records.values import (
    FIELDS,
    FLAGS,
    TIMES,
    check_part,
    check_values,
    folded,
    metadata_from,
    metadata_text,
)

Row = Sequence[Any]
_STATUSES = {status.value: status for status in UploadStatus}
_ALGORITHMS = {None: None} | {algorithm.value: algorithm for algorithm in ChecksumAlgorithm}
_SEARCHED = {"name": "folded_name", "file_name": "folded_file_name"}


def _same(value: Any) -> Any:
    return value


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFormat:
    """What a driver takes and gives for ids and times. All else is the same in every driver: metadata are JSON text."""

    id_to_driver: Callable[[UUID], Any] = _same
    id_from_driver: Callable[[Any], UUID] = _same
    time_to_driver: Callable[[datetime], Any] = _utc
    time_from_driver: Callable[[Any], datetime] = _utc

    def to_row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Column → driver's value, of some or all of a record's fields.

        Raises:
            InvalidInput: a value that no database holds.
        """
        check_values(values)
        row = dict(values)
        for field, value in values.items():
            if field in TIMES:
                row[field] = self.time_to_driver(value) if value is not None else None
            elif field in _SEARCHED:
                row[_SEARCHED[field]] = folded(value)
        if "id" in row:
            row["id"] = self.id_to_driver(row["id"])
        if "metadata" in row:
            row["metadata"] = metadata_text(row["metadata"])
        for field in ("upload_status", "checksum_algorithm"):
            if row.get(field) is not None:
                row[field] = row[field].value
        return row

    def file_row(self, file: File) -> dict[str, Any]:
        """Column → driver's value, of a whole record."""
        return self.to_row({field: getattr(file, field) for field in FIELDS})

    def from_row(self, row: Row) -> File:
        """The record of a row with the columns `FILE_COLUMNS`."""
        values = dict(zip(FIELDS, row, strict=True))
        values["id"] = self.id_from_driver(values["id"])
        values["metadata"] = metadata_from(values["metadata"])
        for field in FLAGS:
            values[field] = bool(values[field])
        values["upload_status"] = _STATUSES[values["upload_status"]]
        values["checksum_algorithm"] = _ALGORITHMS[values["checksum_algorithm"]]
        for field in TIMES:
            if values[field] is not None:
                values[field] = self.time_from_driver(values[field])
        return File(**values)

    def part_row(self, file_id: UUID, part: StoredPart) -> dict[str, Any]:
        """Column → driver's value, of a reported part."""
        check_part(part)
        return {
            "file_id": self.id_to_driver(file_id),
            "part_number": part.part_number,
            "size": part.size,
            "etag": part.etag,
            "checksum": part.checksum,
            "last_modified": part.last_modified and self.time_to_driver(part.last_modified),
        }

    def part_from_row(self, row: Row) -> StoredPart:
        """The reported part of a row (part_number, size, etag, checksum, last_modified)."""
        part_number, size, etag, checksum, last_modified = row
        return StoredPart(
            part_number=part_number,
            size=size,
            etag=etag,
            checksum=checksum,
            last_modified=last_modified and self.time_from_driver(last_modified),
        )

    def event_from_row(self, row: Row) -> Event:
        """The event of a row with the columns `EVENT_COLUMNS`."""
        position, event_id, what, file_id, owner, created, data = row
        return Event(
            position=position,
            id=self.id_from_driver(event_id),
            type=EventType(what),
            file_id=self.id_from_driver(file_id),
            owner=owner,
            created=self.time_from_driver(created),
            data=json.loads(data),
        )

    def endpoint_from_row(self, row: Row) -> Endpoint:
        """The endpoint of a row with the columns `ENDPOINT_COLUMNS`."""
        url, position, leased, closed = row
        return Endpoint(
            url=url,
            position=position,
            leased=self.time_from_driver(leased),
            closed=closed and self.time_from_driver(closed),
        )

    def delivery_row(self, delivery: Delivery) -> dict[str, Any]:
        """How a delivery stands, and of which position."""
        return {
            "of": delivery.event.position,
            "attempts": delivery.attempts,
            "due": delivery.due and self.time_to_driver(delivery.due),
            "tried": delivery.tried and self.time_to_driver(delivery.tried),
            "error": delivery.error,
        }

    def delivery_from_row(self, row: Row) -> Delivery:
        """The delivery of a row with the columns `DELIVERY_COLUMNS`."""
        attempts, due, tried, error, *event = row
        return Delivery(
            event=self.event_from_row(event),
            attempts=attempts,
            due=due and self.time_from_driver(due),
            tried=tried and self.time_from_driver(tried),
            error=error,
        )


#: Drivers of PostgreSQL know UUIDs and aware times.
NATIVE = RowFormat()


def _id_from_hex(text: str) -> UUID:
    return UUID(hex=text)


def _id_to_hex(file_id: UUID) -> str:
    return file_id.hex


def _time_to_text(moment: datetime) -> str:
    return _utc(moment).replace(tzinfo=None).isoformat(" ", "microseconds")


def _time_from_text(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


#: SQLite keeps ids and times as texts, written as SQLAlchemy's types write them.
TEXTUAL = RowFormat(
    id_to_driver=_id_to_hex,
    id_from_driver=_id_from_hex,
    time_to_driver=_time_to_text,
    time_from_driver=_time_from_text,
)
