"""Upkeep as the service and the command line run it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random

from partway.core.files import Files
from partway.core.hooks import Hooks
from partway.core.trash import Trash
from partway.core.upkeep import Upkeep, UpkeepReport
from partway.core.uploads import Uploads
from partway.errors import PartwayError
from partway.service.settings import ServiceSettings
from partway.service.wiring import Wiring, wire_up
from partway.threads import together

_log = logging.getLogger("partway.upkeep")


def upkeep_of(wiring: Wiring, settings: ServiceSettings) -> Upkeep:
    """The story of upkeep over what the service stands on."""
    store, records = wiring.store.store, wiring.records
    hooks = Hooks(wiring.hooks, call=asyncio.to_thread)
    uploads = Uploads(store=store, records=records, settings=settings.uploads, hooks=hooks)
    files = Files(store=store, records=records, uploads=uploads)
    return Upkeep(
        records=records,
        uploads=uploads,
        settling=uploads.settling,
        trash=Trash(store=store, records=records, files=files, url_expiry=settings.uploads.url_expiry),
        settings=settings.upkeep,
        together=together,
    )


async def run_upkeep(settings: ServiceSettings, *, dry_run: bool = False) -> UpkeepReport:
    """Do all that there is to do now, or only count it.

    Raises:
        Misconfigured: something cannot be opened as the settings say.
        RecordsUnavailable: the database does not answer, or its tables are not up to date.
    """
    wiring = wire_up(settings)
    try:
        upkeep = upkeep_of(wiring, settings)
        return await (upkeep.look() if dry_run else upkeep.run())
    finally:
        await wiring.aclose()


class UpkeepLoop:
    """Runs upkeep again and again beside the service. Any number of replicas may.

    Args:
        upkeep: what is run.
        interval: seconds between two runs, on average; 0: never.
    """

    def __init__(self, upkeep: Upkeep, *, interval: int) -> None:
        self._upkeep = upkeep
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with a pause: a service that restarts again and again is not to do it each time."""
        if self._interval:
            self._task = asyncio.create_task(self._go_round())

    async def stop(self) -> None:
        """End. What was in hand is claimed again later."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _go_round(self) -> None:
        while True:
            # Replicas that were started together would otherwise always come together.
            await asyncio.sleep(self._interval * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
            try:
                report = await self._upkeep.run()
            except PartwayError as error:
                _log.warning("upkeep ended early: %s", error.detail)
            except Exception:
                _log.exception("unforeseen error in upkeep")
            else:
                if report.total:
                    _log.info("upkeep: %s", report)
