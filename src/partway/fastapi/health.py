"""Probes: is the process alive, and can it do its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Response

from partway import __version__
from partway.errors import PartwayError
from partway.fastapi.answers import json_answer
from partway.fastapi.stopping import Stopping

Probe = Callable[[], Awaitable[None]]
_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "something that the service needs is not there"}}


def health_router(probes: Mapping[str, Probe], *, stopping: Stopping | None = None) -> APIRouter:
    """`/health`, `/health/ready` (with all probes) and `/health/live` (with none).

    Args:
        probes: name → a check that raises a `PartwayError` if its part is not ready.
        stopping: from then on we are not ready, whatever the probes say.
    """
    router = APIRouter(tags=["health"])

    @router.get("/health/live")
    async def live() -> Response:
        """The process answers."""
        return json_answer({"status": "ok", "version": __version__})

    @router.get("/health/ready", responses=_NOT_READY)
    @router.get("/health", responses=_NOT_READY)
    async def ready() -> Response:
        """The store and the records answer too, and the service is not about to end."""
        if stopping is not None and stopping.begun:
            return json_answer({"status": "stopping", "version": __version__}, status=503)
        found = {name: await _outcome(probe) for name, probe in probes.items()}
        well = all(outcome == "ok" for outcome in found.values())
        body = {"status": "ok" if well else "unavailable", "version": __version__, **found}
        return json_answer(body, status=200 if well else 503)

    return router


async def _outcome(probe: Probe) -> str:
    try:
        await probe()
    except PartwayError as error:
        return error.error_code
    return "ok"
