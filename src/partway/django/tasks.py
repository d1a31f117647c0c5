"""Upkeep for schedulers: plain functions, and tasks of Celery where that is installed.

`CELERY_BEAT_SCHEDULE = {"partway": {"task": "partway.django.tasks.cleanup_expired_uploads", "schedule": …}}`
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone

from partway.core.blocking import run_straight
from partway.django.conf import configuration
from partway.django.doors import database_door
from partway.django.reconcile import abort_unknown_uploads
from partway.django.records import BlockingOrmRecords
from partway.django.stories import stories
from partway.errors import StoreError

CallableT = TypeVar("CallableT", bound=Callable[..., Any])
_BATCH = 200  # records removed in one transaction


def _task(function: CallableT) -> CallableT:
    try:
        from celery import shared_task
    except ModuleNotFoundError:
        return function
    task: CallableT = shared_task(function)
    return task


def run_upkeep() -> dict[str, int]:
    """Do all that there is to do now; how many of each kind.

    What is removed at the store does not come back with a transaction that is rolled back: each step commits by itself.

    Raises:
        RecordsUnavailable: the database does not answer.
        RuntimeError: it was called in a transaction.
    """
    database = configuration().database
    with database_door(database), transaction.atomic(database, durable=True):
        pass  # raises in another transaction, but for one that a test case made
    report = run_straight(stories().upkeep.run())
    done = {name: getattr(report, name) for name in report.__slots__}
    try:
        return done | {"unknown": abort_unknown_uploads()}
    except StoreError:
        return done | {"failed": report.failed + 1}


@_task
def cleanup_expired_uploads() -> dict[str, int]:
    """Give up expired uploads, end what a crash or a rolled-back transaction left, empty the trash; how many of each.

    Raises:
        RecordsUnavailable: the database does not answer.
        RuntimeError: it was called in a transaction.
    """
    return run_upkeep()


@_task
def cleanup_failed_uploads(days_old: int = 7) -> int:
    """Remove the records of uploads that ended badly; how many.

    Args:
        days_old: for how many days they are kept.

    Raises:
        RecordsUnavailable: the database does not answer.
    """
    records = BlockingOrmRecords(using=configuration().database)
    before, removed = timezone.now() - timedelta(days=days_old), 0
    while more := run_straight(records.remove_ended(before, limit=_BATCH)):
        removed += more
    return removed
