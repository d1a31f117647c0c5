"""Storages of the project's, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.storage import storages
from django.test import override_settings


@contextmanager
def with_storages(**by_alias: dict[str, Any]) -> Iterator[None]:
    """Set `STORAGES`."""
    with override_settings(STORAGES=by_alias):
        storages.backends.update(by_alias)  # Django 4.2 drops the options of a default that is overridden
        yield
