"""Where the API stands as the client of a request sees it."""

from __future__ import annotations

from fastapi import Request

from partway.wire.answers import Addresses


class OwnAddresses:
    """A dependency that gives the addresses for one request.

    Args:
        prefix: of the API: `/v1`.
        public_url: how clients reach the service; None: as this very request did.
    """

    def __init__(self, *, prefix: str, public_url: str | None = None) -> None:
        self._prefix = prefix
        self._fixed = Addresses(origin=public_url.rstrip("/"), prefix=prefix) if public_url else None

    async def __call__(self, request: Request) -> Addresses:
        """The addresses for one request."""
        if self._fixed is not None:
            return self._fixed
        scope = request.scope
        host = request.headers.get("host") or "{}:{}".format(*scope["server"])
        return Addresses(origin=f"{scope['scheme']}://{host}{scope.get('root_path', '')}", prefix=self._prefix)
