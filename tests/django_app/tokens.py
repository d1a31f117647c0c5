"""Bearer tokens for the tests: whoever has one is a user, made when first seen."""

from __future__ import annotations

import jwt
from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tests.acceptance.api import SECRET


class Tokens(BaseAuthentication):
    """`Authorization: Bearer`, as the acceptance tests send it."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """The user of a request."""
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(token, SECRET, algorithms=["HS256"])
        except jwt.PyJWTError as error:
            raise AuthenticationFailed("The token is not valid here; get a new one.") from error
        user, _ = User.objects.get_or_create(
            username=claims["sub"],
            defaults={"first_name": claims.get("name", ""), "is_staff": claims.get("staff", False)},
        )
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """Answer 401, not 403."""
        return "Bearer"
