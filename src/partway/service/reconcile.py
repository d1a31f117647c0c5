"""Reconciliation as the command line runs it, or the application."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from partway.core.findings import FindingKind
from partway.core.reconcile import ReconcileSettings, Reconciliation, Step, WalkPlace
from partway.core.settling import life_of_urls
from partway.errors import InvalidInput
from partway.service.settings import ServiceSettings
from partway.service.wiring import wire_up
from partway.stores.sorting import SortedOnDisk
from partway.stores.walk_state import Tally, WalkState


class Scope(NamedTuple):
    """Where to look."""

    prefix: str
    orphans: bool  #: whether all that lies there is ours


#: Told of each step, and of all until then.
Watcher = Callable[[Step, Tally], None]


async def run_reconcile(
    settings: ServiceSettings,
    *,
    fix: Collection[FindingKind] = (),
    prefix: str | None = None,
    min_age: int | None = None,
    state: Path | None = None,
    watcher: Watcher | None = None,
) -> Tally:
    """Compare the records with the store, from the beginning or from where an earlier run stopped.

    Args:
        settings: the service's.
        fix: the kinds of findings that are put right; the others are only told.
        prefix: of the keys to look at; None: what all keys begin with by the settings.
        min_age: seconds; what changed later is left alone. None: as long as signed URLs live.
        state: a file that remembers the place, and is gone once all is done.
        watcher: told of each step.

    Returns:
        The numbers, with those of the runs that this one went on from.

    Raises:
        InvalidInput: the prefix, the age or the file is not taken.
        Misconfigured, StoreError, RecordsUnavailable: it ended early; the file says where.
    """
    scope = scope_of(settings, prefix)
    kept = WalkState(state, walk=f"{settings.bucket.name or settings.data_dir.absolute()}:{scope.prefix}")
    place, tally = kept.read() or (WalkPlace(), Tally())
    reconciliation_settings = ReconcileSettings(
        prefix=scope.prefix, min_age=age_of(settings, min_age), fix=frozenset(fix), orphans=scope.orphans
    )
    wiring = wire_up(settings)
    try:
        with SortedOnDisk() as sorter:
            reconciliation = Reconciliation(
                store=wiring.store.store, records=wiring.records, settings=reconciliation_settings, sorter=sorter
            )
            async for step in reconciliation.walk(place):
                tally = tally.after(step)
                if watcher is not None:
                    watcher(step, tally)
                if step.place is not None:
                    kept.write(step.place, tally)
    finally:
        await wiring.aclose()
    kept.remove()
    return tally


def scope_of(settings: ServiceSettings, prefix: str | None) -> Scope:
    """Where to look.

    Where keys have no fixed beginning, what lies in the bucket may be others': objects without records are looked for
    only below a prefix that somebody names.

    Args:
        settings: the service's.
        prefix: that was asked for, be it empty; None: none was.

    Raises:
        InvalidInput: the stateless API's objects lie there: none of them has a record.
    """
    wanted = settings.uploads.key_template.fixed_prefix if prefix is None else prefix
    foreign = settings.presign.rules.keys.prefix if settings.presign is not None else None
    if foreign is not None and (wanted.startswith(foreign) or foreign.startswith(wanted)):
        raise InvalidInput(
            f"Below '{wanted}' lie objects of the stateless API ('{foreign}'), which have no records; name a prefix "
            "that is apart from it.",
            field="prefix",
        )
    return Scope(wanted, orphans=bool(wanted) or prefix is not None)


def age_of(settings: ServiceSettings, min_age: int | None) -> timedelta:
    """How long ago something must have changed last to be looked at.

    Args:
        settings: the service's: how long its URLs live.
        min_age: seconds that were asked for; None: none were.

    Raises:
        InvalidInput: a signed URL may live longer.
    """
    presign = settings.presign.rules.url_expiry if settings.presign is not None else 0
    least = life_of_urls(max(settings.uploads.url_expiry, presign))
    wanted = least if min_age is None else timedelta(seconds=min_age)
    if wanted < least:
        raise InvalidInput(
            f"It is {min_age} seconds, but signed URLs live up to {least // timedelta(seconds=1)}: ask for no less.",
            field="min_age",
        )
    return wanted
