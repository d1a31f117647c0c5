"""What the project's people may do with files."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from testapp.models import Comment, Post


def may_attach(user: AbstractBaseUser, parent: Post | Comment) -> bool:
    """Files are attached to what one has written oneself."""
    return parent.author_id == user.pk
