"""`POST /notifications/s3`: the store says what has appeared."""

# No postponed annotations here: FastAPI reads those of the route, and they close over the factory's arguments.

import asyncio
import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict
from http.client import HTTPException, HTTPSConnection
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response

from partway.core.appearances import Appearances
from partway.core.hooks import ApplicationHooks, Hooks
from partway.core.initiation import UploadSettings
from partway.core.ports import Records, Store
from partway.core.uploads import Uploads
from partway.errors import NotAuthenticated, StoreUnavailable
from partway.fastapi.answers import json_answer, problem_answer
from partway.fastapi.body_limit import BodyTooLarge
from partway.fastapi.routers import PROBLEMS
from partway.s3.notifications import read_notification
from partway.wire import schemas

_MAX_BODY_SIZE = 1024 * 1024  # bytes
_PATIENCE = 10  # seconds
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
#: SNS sends what its URL holds of a user only where it is asked to, by name.
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="notifications"'}
Visit = Callable[[str], Awaitable[None]]


async def visit(url: str) -> None:
    """Fetch a URL by https once; redirects are not followed.

    Raises:
        StoreUnavailable: it does not answer with 200.
    """
    await asyncio.to_thread(_visit, url)


def notifications_router(
    *,
    store: Store,
    records: Records,
    token: str,
    bucket: str,
    settings: UploadSettings | None = None,
    hooks: ApplicationHooks | None = None,
    prefix: str = "/v1",
    confirm: Visit = visit,
) -> APIRouter:
    """The route that takes the store's event notifications; the shapes are those of `partway.s3.notifications`.

    Args:
        store, records, settings, hooks, prefix: as for `files_router`.
        token: what senders must bring: as a bearer token, as the password of Basic authentication, or as `?token=`.
        bucket: whose objects count; those of others are ignored.
        confirm: visits a URL by which SNS asks whether we want its notifications.
    """
    called = Hooks(hooks, call=asyncio.to_thread)
    uploads = Uploads(store=store, records=records, settings=settings or UploadSettings(), hooks=called)
    appearances = Appearances(records=records, completion=uploads.completion)
    router = APIRouter(prefix=prefix, responses=PROBLEMS)

    @router.post("/notifications/s3", response_model=schemas.NotedAnswer, tags=["notifications"], openapi_extra=_BODY)
    async def note(
        request: Request, _: Annotated[str | None, Query(alias="token", description="for senders of URLs only")] = None
    ) -> Response:
        """Complete the files whose objects a store's notification names, as far as they are really there."""
        if not _is_let_in(request, token):
            return problem_answer(NotAuthenticated("Send the notifications' token."), headers=_CHALLENGE)
        notification = read_notification(await _body(request))
        if notification.subscribe_url is not None:
            await confirm(notification.subscribe_url)
        keys = [created.key for created in notification.created if created.bucket == bucket]
        noted = asdict(await appearances.note(keys))
        noted["ignored"] += len(notification.created) - len(keys)
        return json_answer(noted)

    return router


def _is_let_in(request: Request, token: str) -> bool:
    secret = token.encode()
    return any(hmac.compare_digest(offered.encode(), secret) for offered in _offered(request))


def _offered(request: Request) -> Iterator[str]:
    """The tokens that a request brings, in any of the ways."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield credentials.strip()
    if scheme.lower() == "basic":
        yield _password(credentials)
    yield from request.query_params.getlist("token")


def _password(credentials: str) -> str:
    """The password of Basic authentication (RFC 7617); empty if there is none."""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_SIZE:
            raise BodyTooLarge(f"The notification is larger than {_MAX_BODY_SIZE} bytes.")
    return bytes(body)


def _visit(url: str) -> None:
    parts = urlsplit(url)
    connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise StoreUnavailable(f"SNS could not be told that its notifications are wanted: {error}.") from error
    finally:
        connection.close()
    if status != 200:
        raise StoreUnavailable(f"SNS could not be told that its notifications are wanted: it answered {status}.")
