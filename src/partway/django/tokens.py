"""Bearer tokens as an authentication of Django REST framework, beside sessions and whatever else the project has.

`REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["partway.django.tokens.BearerTokens", …]}`, with `JWT_SECRET` or
`JWKS_URL` (and `JWT_ISSUER`, `JWT_AUDIENCE`) in `PARTWAY`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth import get_user_model
from django.core.signals import setting_changed
from django.dispatch import receiver
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from partway.core.file import Caller
from partway.django.options import option
from partway.errors import NotAuthenticated
from partway.wire.tokens import TokenReader, bearer_token


class BearerTokens(BaseAuthentication):
    """Takes the user whom the token's `sub` names (by the user model's `USERNAME_FIELD`)."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        """The user of a request, and the token's claims as the caller's; None: it brings no token.

        Raises:
            NotAuthenticated: the token is malformed, expired, not from our issuer, or nobody's here.
        """
        authorization = request.headers.get("Authorization", "")
        if not authorization.lower().startswith("bearer "):
            return None
        caller = _reader().read(bearer_token(authorization))
        user = self.user_of(caller)
        if user is None or not user.is_active:
            raise NotAuthenticated("The token names nobody who may use this service.")
        return user, caller

    def user_of(self, caller: Caller) -> Any | None:
        """The user that a token names; None: there is none. Override it to make users when they first come."""
        users = get_user_model()
        return next(iter(users._default_manager.filter(**{users.USERNAME_FIELD: caller.id})), None)

    def authenticate_header(self, request: Request) -> str:
        """What a refusal asks for."""
        return "Bearer"


@cache
def _reader() -> TokenReader:
    return TokenReader(
        secret=option("JWT_SECRET"),
        jwks_url=option("JWKS_URL"),
        issuer=option("JWT_ISSUER"),
        audience=option("JWT_AUDIENCE"),
    )


@receiver(setting_changed)
def _begin_anew(**_: object) -> None:
    _reader.cache_clear()
