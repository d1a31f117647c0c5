"""Probes: is the process alive, and can it do its work. `path("", include("partway.django.health"))`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.urls import path

from partway import __version__
from partway.core.blocking import run_straight
from partway.django.answers import json_answer, misconfigured, problem_answer
from partway.django.conf import configuration
from partway.django.records import BlockingOrmRecords
from partway.errors import PartwayError


def live(_: HttpRequest) -> HttpResponse:
    """The process answers."""
    return json_answer({"status": "ok", "version": __version__})


def ready(_: HttpRequest) -> HttpResponse:
    """The store and the database answer too."""
    try:
        found = configuration()
    except ImproperlyConfigured as error:
        return problem_answer(misconfigured(error))
    records = BlockingOrmRecords(using=found.database)
    outcomes = {"store": _outcome(found.store.check), "records": _outcome(records.check)}
    well = all(outcome == "ok" for outcome in outcomes.values())
    body = {"status": "ok" if well else "unavailable", "version": __version__, **outcomes}
    return json_answer(body, status=200 if well else 503)


def _outcome(probe: Callable[[], Awaitable[None]]) -> str:
    async def asked() -> None:
        await probe()

    try:
        run_straight(asked())
    except PartwayError as error:
        return error.error_code
    return "ok"


urlpatterns = [path("health", ready), path("health/ready", ready), path("health/live", live)]
