"""The service: settings → store, records, stories, routes."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import Receive, Scope, Send

from partway import __version__
from partway.bucket import Bucket
from partway.core.file import Caller
from partway.errors import PartwayError
from partway.fastapi.answers import install_problem_handlers, problem_answer
from partway.fastapi.auth import BearerTokens, CallerOf, OneCaller
from partway.fastapi.body_limit import BodyLimit
from partway.fastapi.files_router import files_router
from partway.fastapi.health import health_router
from partway.fastapi.notifications import notifications_router
from partway.fastapi.page_routes import page_router
from partway.fastapi.presign_router import presign_router
from partway.fastapi.rate_limit import RateLimit
from partway.fastapi.stopping import LastAnswers, Stopping
from partway.fastapi.store_routes import store_router
from partway.service.settings import AuthSettings, ServiceSettings, read_settings
from partway.service.signals import heard_first
from partway.service.upkeep import UpkeepLoop, upkeep_of
from partway.service.webhooks import WebhookLoop
from partway.service.wiring import Wiring, wire_up

STORE_PATH = "/store"
_MAX_JSON_SIZE = 4 * 1024 * 1024  #: bytes; 10,000 parts with their ETags fit well
_ALLOWED_HEADERS = [
    *("Authorization", "Content-Type", "Idempotency-Key", "Range", "If-Range", "If-None-Match", "Last-Event-ID"),
]
_EXPOSED_HEADERS = ["ETag", "Content-Range", "Content-Disposition", "Accept-Ranges", "Retry-After", "Location"]
_M_MMAP_THRESHOLD = -3  # glibc's number of the parameter
_LARGE_BLOCK = 1024 * 1024  # bytes
_log = logging.getLogger("partway")


def app_from_environment() -> FastAPI:
    """The service as the environment describes it: for any ASGI server (`--factory`)."""
    return create_app(read_settings(os.environ))


def create_app(settings: ServiceSettings) -> FastAPI:
    """The service as an ASGI application. Stores and databases are opened when it starts."""
    wiring = wire_up(settings)
    rate = RateLimit(settings.rate, storage_url=settings.rate_storage) if settings.rate else None
    stopping = Stopping()
    app = FastAPIOffline(
        redoc_url=None,
        title="Partway",
        version=__version__,
        summary="Large files straight into object storage.",
        lifespan=_lifespan(
            wiring,
            rate,
            UpkeepLoop(upkeep_of(wiring, settings), interval=settings.upkeep_interval),
            WebhookLoop(wiring, settings.webhooks),
            partial(heard_first, stopping, drain_time=settings.drain_time),
        ),
    )
    store, records = wiring.store.store, wiring.records
    caller = _caller_of(settings.auth)
    app.include_router(
        files_router(
            store=store,
            records=records,
            caller=caller,
            settings=settings.uploads,
            hooks=wiring.hooks,
            download_expiry=settings.download_expiry,
            cdn=wiring.cdn,
            public_max_age=settings.public_max_age,
            prefix=settings.api_prefix,
            public_url=settings.public_url,
            rate=rate,
            feed=wiring.feed,
            origins=settings.cors_origins,
            stopping=stopping,
        )
    )
    if settings.notification_token is not None:
        app.include_router(
            notifications_router(
                store=store,
                records=records,
                token=settings.notification_token,
                bucket=settings.bucket.name or "local",
                settings=settings.uploads,
                hooks=wiring.hooks,
                prefix=settings.api_prefix,
            )
        )
    if settings.presign is not None:
        app.include_router(
            presign_router(
                Bucket(store, settings.presign.rules),
                name=settings.bucket.name or "local",
                caller=caller if rate is None else rate.metered(caller),
                prefix=settings.presign.prefix,
                public_url=settings.public_url,
                health=False,
            )
        )
    app.include_router(health_router({"store": store.check, "records": records.check}, stopping=stopping))
    if wiring.store.local is not None:
        app.include_router(store_router(wiring.store.local))
    app.include_router(page_router(store_origins=wiring.store.origins, api_prefix=settings.api_prefix))
    install_problem_handlers(app)
    app.add_exception_handler(Exception, _unforeseen)
    _add_middleware(app, settings)
    app.add_middleware(LastAnswers, stopping=stopping)
    return app


class _ApiCors(CORSMiddleware):
    """CORS for the API; the local store answers for itself, as a bucket does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(f"{STORE_PATH}/"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _add_middleware(app: FastAPI, settings: ServiceSettings) -> None:
    app.add_middleware(
        BodyLimit,
        max_size=_MAX_JSON_SIZE,
        streaming_prefixes=(f"{STORE_PATH}/",),
        streaming_paths=frozenset({f"{settings.api_prefix}/files/upload"}),
    )
    if settings.cors_origins:
        app.add_middleware(
            _ApiCors,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
            allow_headers=_ALLOWED_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
            max_age=3600,
        )
    if not settings.auth.configured:
        # Without tokens a foreign page could reach us under its own name by rebinding it to 127.0.0.1.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "*.localhost", "127.0.0.1"])


def _caller_of(auth: AuthSettings) -> CallerOf:
    if not auth.configured:
        return OneCaller(Caller(id="local", name="local", staff=True))
    return BearerTokens(secret=auth.jwt_secret, jwks_url=auth.jwks_url, issuer=auth.issuer, audience=auth.audience)


def _lifespan(  # type: ignore[no-untyped-def]  # FastAPI's own type for it is a union of private ones
    wiring: Wiring,
    rate: RateLimit | None,
    upkeep: UpkeepLoop,
    webhooks: WebhookLoop,
    hearing_signals: Callable[[], AbstractContextManager[None]],
):
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await wiring.start()
        gc.collect()
        gc.freeze()  # all that lives as long as the process: no collection has to look at it again
        _tame_memory()
        wiring.feed.start(wiring.records)
        await webhooks.start()
        upkeep.start()
        try:
            with hearing_signals():
                yield
        finally:
            await upkeep.stop()
            await webhooks.stop()
            await wiring.feed.stop()
            await wiring.aclose()
            if rate is not None:
                await rate.aclose()

    return lifespan


def _tame_memory() -> None:
    """Return what starting took to the system, and later every large block when it is freed, where the C library can.

    glibc would raise its threshold for such blocks with the first one, and keep the later ones in a heap full of holes:
    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    with contextlib.suppress(AttributeError, OSError):
        c_library = ctypes.CDLL(None)
        c_library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
        c_library.malloc_trim(0)


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.exception("unforeseen error in %s %s", request.method, request.url.path, exc_info=error)
    return problem_answer(
        PartwayError("Something went wrong on our side; try again, and tell us if it stays.", code="internal_error")
    )
