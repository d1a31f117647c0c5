"""The admin of files: `FileAdmin`, registered. To change it, unregister `File` and register a subclass."""

from __future__ import annotations

from django.contrib import admin

from partway.django.admin.files import FileAdmin
from partway.django.models import File

__all__ = ["FileAdmin"]

admin.site.register(File, FileAdmin)
