"""What can be changed of a file in the admin, and its parts, which cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from partway.core.files import checked_changes
from partway.django.models import File, Part
from partway.errors import InvalidInput

if TYPE_CHECKING:
    _FileForm = forms.ModelForm[File]
    _Parts = forms.BaseInlineFormSet[Part, File, forms.ModelForm[Part]]
    _Inline = admin.TabularInline[Part, File]
else:
    _FileForm, _Parts, _Inline = forms.ModelForm, forms.BaseInlineFormSet, admin.TabularInline

EDITABLE = ("name", "description", "is_public", "metadata")
_MOST_PARTS = 100  # rows; a file may have 10,000


class FileForm(_FileForm):
    """The few fields that may be changed, under the rules of the API."""

    class Meta:
        model = File
        fields = EDITABLE

    def clean_metadata(self) -> dict[str, Any]:
        """A JSON object.

        Raises:
            ValidationError: it is something else in JSON.
        """
        metadata = self.cleaned_data["metadata"]
        if metadata is None:
            return {}
        if not isinstance(metadata, dict):
            raise ValidationError(_("Write a JSON object: names in quotes, and their values, between braces."))
        return metadata

    def clean(self) -> dict[str, Any]:
        """All fields, each checked."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for field in [field for field in self.changed_data if field in cleaned]:
            try:
                checked_changes({field: cleaned[field]})
            except InvalidInput as error:
                self.add_error(field, error.detail)
        return cleaned

    def changes(self) -> dict[str, Any]:
        """What was changed, in the core's words."""
        return {field: self.cleaned_data[field] for field in self.changed_data if field in EDITABLE}


class _FirstParts(_Parts):
    """The first of many: each row that a form shows costs fields and time."""

    def get_queryset(self) -> QuerySet[Part]:
        if not hasattr(self, "_first"):
            self._first = super().get_queryset()[:_MOST_PARTS]
        return self._first


class PartInline(_Inline):
    """Parts that the client has reported."""

    model = Part
    formset = _FirstParts
    verbose_name_plural = format_lazy(_("Reported parts (at most the first {count})"), count=_MOST_PARTS)
    fields = readonly_fields = ("part_number", "shown_size", "etag", "checksum")
    ordering = ("part_number",)
    extra = 0
    can_delete = False
    classes = ("collapse",)

    @admin.display(description=_("size"))
    def shown_size(self, part: Part) -> str:
        """In a unit that fits."""
        return filesizeformat(part.size)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who sees the file sees its parts."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Parts are reported by clients alone."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes what was reported."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor takes it back."""
        return False
