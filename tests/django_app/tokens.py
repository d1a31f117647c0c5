"""Bearer tokens for the tests: whoever has one is a user, made when first seen."""

from __future__ import annotations

from partway.core.file import Caller
from partway.django.tokens import BearerTokens
from tests.django_app.models import User


class Tokens(BearerTokens):
    """`Authorization: Bearer`, as the acceptance tests send it."""

    def user_of(self, caller: Caller) -> User:
        """The user of a token."""
        user, _ = User.objects.get_or_create(name=caller.id, defaults={"full_name": caller.name})
        return user
