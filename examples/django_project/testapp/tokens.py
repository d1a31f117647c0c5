"""Bearer tokens for programs, as `partway.django.tokens.BearerTokens` reads them."""

from __future__ import annotations

import time

import jwt
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

LIFETIME = 30 * 24 * 3600  #: seconds


def token_for(user: AbstractBaseUser) -> str:
    """A token that names a user."""
    claims = {"sub": user.get_username(), "exp": int(time.time()) + LIFETIME}
    return jwt.encode(claims, settings.PARTWAY["JWT_SECRET"], algorithm="HS256")
