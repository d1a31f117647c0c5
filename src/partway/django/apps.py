"""The app as Django knows it."""

from __future__ import annotations

import importlib

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class PartwayConfig(AppConfig):
    """Partway's app; its label, and so the beginning of its tables' names, is `partway`."""

    name = "partway.django"
    label = "partway"
    verbose_name = _("Files")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to deletions, check the project, and describe the API where somebody asks for that."""
        for name in ("checks", "store_checks"):
            importlib.import_module(f"partway.django.{name}")
        from partway.django.removal import listen

        listen()
        if apps.is_installed("drf_spectacular"):
            from partway.django.schema import describe_files

            describe_files()
