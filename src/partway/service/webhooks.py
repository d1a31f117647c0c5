"""Webhooks as the service sends them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from partway.core.deliveries import Deliveries, open_endpoints
from partway.core.events import EventFeed
from partway.core.webhooks import WebhookSettings
from partway.errors import PartwayError
from partway.service.wiring import Wiring

if TYPE_CHECKING:
    from partway.webhooks.sender import AiohttpSender

_LOOK = 10  #: seconds until the next look, on average, if nothing wakes us before
_BREATH = 0.1  #: seconds between two looks: what is told meanwhile shares the next one
_PATIENCE = 5  #: seconds that attempts get to end when the service does
_log = logging.getLogger("partway.webhooks")


class WebhookLoop:
    """Tells every endpoint of events beside the service, each by itself: a slow one holds up no other.

    Args:
        wiring: the records and their feed.
        settings: whom to tell of what; None: nobody.
    """

    def __init__(self, wiring: Wiring, settings: WebhookSettings | None) -> None:
        self._wiring = wiring
        self._settings = settings
        self._sender: AiohttpSender | None = None
        self._tellers: list[_Teller] = []

    async def start(self) -> None:
        """Open the endpoints that the settings name, close the others, and begin.

        Raises:
            RecordsUnavailable: the database does not answer.
        """
        settings, records = self._settings, self._wiring.records
        await open_endpoints(records, settings.urls if settings else ())
        if settings is not None:
            from partway.webhooks.sender import AiohttpSender

            self._sender = sender = AiohttpSender(allow_private=settings.allow_private)
            self._tellers = [
                _Teller(Deliveries(url, records=records, sender=sender, settings=settings), self._wiring.feed.branch())
                for url in settings.urls
            ]

    async def stop(self) -> None:
        """End. Attempts under way may end; those that do not are made again later."""
        await asyncio.gather(*(teller.stop() for teller in self._tellers))
        if self._sender is not None:
            await self._sender.aclose()


class _Teller:
    """Tells one endpoint, from now on."""

    def __init__(self, deliveries: Deliveries, feed: EventFeed) -> None:
        self._deliveries = deliveries
        self._feed = feed
        self._at_work = asyncio.Lock()
        self._task = asyncio.create_task(self._go_round())

    async def stop(self) -> None:
        self._deliveries.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE), self._at_work:
                pass
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _go_round(self) -> None:
        while True:
            async with self._at_work:
                then = await self._tell()
            await asyncio.sleep(_BREATH)
            await self._feed.next(timeout=_pause(then))

    async def _tell(self) -> datetime | None:
        try:
            return await self._deliveries.run()
        except PartwayError as error:
            _log.warning("webhooks wait: %s", error.detail)
        except Exception:
            _log.exception("unforeseen error while sending webhooks")
        return None


def _pause(then: datetime | None) -> float:
    """Seconds to wait for news, at most. Replicas come at different moments."""
    pause = _LOOK * random.uniform(0.5, 1.5)  # noqa: S311  # no secret
    return pause if then is None else max(0.0, min(pause, (then - datetime.now(UTC)).total_seconds()))
