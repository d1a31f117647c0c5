"""Upkeep for schedulers: plain functions, and tasks of Celery where that is installed.

`CELERY_BEAT_SCHEDULE = {"partway": {"task": "partway.django.tasks.cleanup_expired_uploads", "schedule": …}}`
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.utils import timezone

from partway.core.blocking import run_straight
from partway.core.upkeep import UpkeepReport
from partway.django.conf import configuration
from partway.django.records import BlockingOrmRecords
from partway.django.stories import stories

CallableT = TypeVar("CallableT", bound=Callable[..., Any])
_BATCH = 200  # records removed in one transaction


def _task(function: CallableT) -> CallableT:
    try:
        from celery import shared_task
    except ModuleNotFoundError:
        return function
    task: CallableT = shared_task(function)
    return task


def run_upkeep() -> UpkeepReport:
    """Do all that there is to do now.

    Raises:
        RecordsUnavailable: the database does not answer.
    """
    return run_straight(stories().upkeep.run())


@_task
def cleanup_expired_uploads() -> dict[str, int]:
    """Give up uploads past their deadline, finish what a crash left, empty the trash; how many of each.

    Raises:
        RecordsUnavailable: the database does not answer.
    """
    report = run_upkeep()
    return {name: getattr(report, name) for name in report.__slots__}


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
