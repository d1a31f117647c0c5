"""Time passes: the URLs that were signed have expired."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.test import override_settings

from partway.django import kinds
from partway.django.options import PLAIN, Option

_LIFE = "FILE_UPLOAD_PRESIGNED_URL_EXPIRATION"


@contextmanager
def dead_urls() -> Iterator[None]:
    """Let no URL live, which no project can ask for."""
    with patch.dict(PLAIN, {_LIFE: Option(0, kinds.whole(0, 0))}), override_settings(**{_LIFE: 0}):
        yield
