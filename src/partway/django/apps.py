"""The app as Django knows it."""

from __future__ import annotations

import importlib

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PartwayConfig(AppConfig):
    """Partway's app; its label, and so the beginning of its tables' names, is `partway`."""

    name = "partway.django"
    label = "partway"
    verbose_name = _("Files")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to deletions."""
        importlib.import_module("partway.django.removal")
