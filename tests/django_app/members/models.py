"""A user model whose ids are UUIDs."""

from __future__ import annotations

from uuid import uuid4

from django.contrib.auth.models import AbstractUser
from django.db import models


class Member(AbstractUser):
    """Somebody."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
