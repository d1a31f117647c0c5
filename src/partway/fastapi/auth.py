"""Who calls, as dependencies of routes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Request

from partway.core.file import Caller
from partway.wire.tokens import TokenReader, bearer_token

CallerOf = Callable[[Request], Awaitable[Caller]]


class BearerTokens:
    """Reads the caller from `Authorization: Bearer`.

    Args:
        secret: for HS256; or
        jwks_url: where the issuer publishes its keys (RFC 7517). They are fetched when needed and cached.
        issuer: the required `iss`, if any.
        audience: the required `aud`, if any.
    """

    def __init__(
        self,
        *,
        secret: str | None = None,
        jwks_url: str | None = None,
        issuer: str | None = None,
        audience: str | None = None,
    ) -> None:
        self._reader = TokenReader(secret=secret, jwks_url=jwks_url, issuer=issuer, audience=audience)

    async def __call__(self, request: Request) -> Caller:
        """The caller of a request.

        Raises:
            NotAuthenticated: there is no token, or it is malformed, expired or not from our issuer.
            StoreUnavailable: the issuer's keys cannot be had now (code `keys_unavailable`).
        """
        token = bearer_token(request.headers.get("authorization", ""))
        if self._reader.needs_keys and self._reader.known(token) is None:
            return await asyncio.to_thread(self._reader.read, token)
        return self._reader.read(token)


class OneCaller:
    """Takes every request for one caller's: for a service on loopback without authentication."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def __call__(self, request: Request) -> Caller:
        """The one caller."""
        return self._caller
