"""Comparing the records with the store: what upkeep cannot see, since a transaction that was rolled back, or a row that
was deleted without signals, took the record away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path

from partway.core.blocking import iterate_straight
from partway.core.findings import FindingKind
from partway.core.ordering import Sorter
from partway.core.ports import UploadListing
from partway.core.reconcile import ReconcileSettings, Reconciliation, Step, WalkPlace
from partway.core.settling import life_of_urls
from partway.django.conf import configuration
from partway.django.records import BlockingOrmRecords
from partway.errors import InvalidInput
from partway.stores.sorting import SortedOnDisk
from partway.stores.walk_state import Tally, WalkState

#: Told of each step, and of all until then.
Watcher = Callable[[Step, Tally], None]


def run_reconcile(
    *,
    watcher: Watcher,
    fix: Collection[FindingKind] = (),
    prefix: str | None = None,
    min_age: int | None = None,
    state: Path | None = None,
) -> Tally:
    """Compare the records with the store, from the beginning or from where an earlier run stopped.

    Args:
        watcher: told of each step.
        fix: the kinds of findings that are put right; the others are only told.
        prefix: of the keys to look at; None: what all keys begin with by the settings.
        min_age: seconds; what changed later is left alone. None: as long as signed URLs live.
        state: a file that remembers the place, and is gone once all is done.

    Returns:
        The numbers, with those of the runs that this one went on from.

    Raises:
        InvalidInput: the age or the file is not taken.
        StoreError, RecordsUnavailable: it ended early; the file says where.
    """
    asked = _settings(fix, prefix=prefix, min_age=min_age)
    kept = WalkState(state, walk=asked.prefix)
    place, tally = kept.read() or (WalkPlace(), Tally())
    with SortedOnDisk() as sorter:
        for step in iterate_straight(_reconciliation(asked, sorter).walk(place)):
            tally = tally.after(step)
            watcher(step, tally)
            if step.place is not None:
                kept.write(step.place, tally)
    kept.remove()
    return tally


def abort_unknown_uploads() -> int:
    """Abort the multipart uploads that no record has and that no signed URL can reach any more; how many.

    Where keys have no fixed beginning they may be others': nothing is done then.

    Raises:
        StoreError, RecordsUnavailable: the store or the database does not answer.
    """
    asked = _settings({FindingKind.UNKNOWN_UPLOAD})
    if not asked.orphans or not isinstance(configuration().store, UploadListing):
        return 0
    with SortedOnDisk() as sorter:  # uploads need no sorting: it stays empty
        steps = iterate_straight(_reconciliation(asked, sorter).walk(WalkPlace(files=None)))
        return sum(finding.fixed for step in steps for finding in step.findings)


def _settings(
    fix: Collection[FindingKind], *, prefix: str | None = None, min_age: int | None = None
) -> ReconcileSettings:
    uploads = configuration().uploads
    wanted = uploads.key_template.fixed_prefix if prefix is None else prefix
    least = life_of_urls(uploads.url_expiry)
    age = least if min_age is None else timedelta(seconds=min_age)
    if age < least:
        raise InvalidInput(
            f"It is {min_age} seconds, but signed URLs live up to {least // timedelta(seconds=1)}: ask for no less.",
            field="min_age",
        )
    orphans = bool(wanted) or prefix is not None
    return ReconcileSettings(prefix=wanted, min_age=age, fix=frozenset(fix), orphans=orphans)


def _reconciliation(asked: ReconcileSettings, sorter: Sorter) -> Reconciliation:
    found = configuration()
    records = BlockingOrmRecords(using=found.database)
    return Reconciliation(store=found.store, records=records, settings=asked, sorter=sorter)
