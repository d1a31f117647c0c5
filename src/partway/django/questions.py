"""Which rows of files are meant: the records' questions as Django's `Q`."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from partway.core.file import UNFINISHED, UploadStatus
from partway.core.ports import FileQuery
from partway.django import models
from partway.records.cursors import Cursor
from partway.records.values import folded

_DEAD = Q(upload_status__in=[UploadStatus.ABORTED.value, UploadStatus.FAILED.value])


def due(now: datetime, stuck_before: datetime) -> Q:
    """Uploads that are due; see `core.records_port.UpkeepRecords.claim_due`."""
    stuck = Q(upload_status=UploadStatus.COMPLETING.value, modified__lt=stuck_before)
    late = Q(upload_status__in=[status.value for status in UNFINISHED], upload_expires_at__lt=now)
    return late | stuck | Q(untold__lt=stuck_before)


def left(rows: QuerySet[models.File], single_puts_before: datetime) -> QuerySet[models.File]:
    """Those of files that ended and still count; see `core.records_port.UsageRecords.reclaimable`."""
    over = Q(single_put=False) | Q(ended__lt=single_puts_before)
    dated = rows.annotate(ended=Coalesce("completed", "modified"))
    return dated.filter(_DEAD | Q(purging__isnull=False), over, counted=True)


def ended(before: datetime) -> Q:
    """Records of uploads that ended badly before a moment, of which nothing is left."""
    return _DEAD & Q(settled=True, modified__lt=before)


def asked(query: FileQuery) -> Q:
    """What a listing asks for, but for its cursor."""
    found = Q(purging__isnull=True, deleted__isnull=not query.deleted)
    if query.owner is not None:
        found &= Q(owner=query.owner)
    if query.status is not None:
        found &= Q(upload_status=query.status.value)
    if query.fingerprint is not None:
        found &= Q(fingerprint=query.fingerprint)
    if query.parent_content_type is not None:
        found &= Q(parent_type=query.parent_content_type)
    if query.parent_object_id is not None:
        found &= Q(parent_object_id=query.parent_object_id)
    if query.search is not None:
        needle = folded(query.search)
        found &= Q(folded_name__contains=needle) | Q(folded_file_name__contains=needle)
    return found


def beyond(cursor: Cursor | None) -> Q:
    """Rows behind a cursor; all, if there is none."""
    if cursor is None:
        return Q()
    way = "gt" if cursor.newer else "lt"
    same_moment = Q(created=cursor.created, **{f"id__{way}": cursor.id})
    return Q(**{f"created__{way}": cursor.created}) | same_moment
