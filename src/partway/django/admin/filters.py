"""What the admin's list of files can be narrowed to. None of them goes through all rows to know its choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from partway.django.models import File

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

_MEDIA = {
    "image": _("Images"),
    "video": _("Videos"),
    "audio": _("Audio"),
    "text": _("Texts"),
}
_PDF = "application/pdf"


class PlaceFilter(admin.SimpleListFilter):
    """Files that are there, which is what is shown at first; those in the trash; those that are being removed."""

    title = _("place")
    parameter_name = "place"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:
        """What is being removed is shown to who may remove."""
        found = [("trash", _("In the trash"))]
        if model_admin.has_delete_permission(request):
            found.append(("removing", _("Being removed")))
        return [*found, ("all", _("All"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """The choices, the first under a name of its own."""
        first, *others = super().choices(changelist)
        yield {**first, "display": _("Files")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[File]) -> QuerySet[File]:
        """The files of the chosen place."""
        if self.value() == "all":
            return queryset
        if self.value() == "removing":
            return queryset.filter(purging__isnull=False)
        return queryset.filter(purging__isnull=True, deleted__isnull=self.value() != "trash")


class TypeFilter(admin.SimpleListFilter):
    """Kinds of media types."""

    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Sequence[tuple[str, Any]]:
        """The same for everybody."""
        return [*_MEDIA.items(), ("pdf", _("PDF")), ("other", _("Others"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[File]) -> QuerySet[File]:
        """The files of the chosen kind."""
        kind = self.value()
        if kind == "pdf":
            return queryset.filter(file_content_type=_PDF)
        if kind in _MEDIA:
            return queryset.filter(file_content_type__startswith=f"{kind}/")
        if kind != "other":
            return queryset
        named = Q(file_content_type=_PDF)
        for each in _MEDIA:
            named |= Q(file_content_type__startswith=f"{each}/")
        return queryset.exclude(named)


class ParentFilter(admin.SimpleListFilter):
    """What kind of object files are attached to."""

    title = _("attached to")
    parameter_name = "parent"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:
        """The kinds that have files."""
        using = model_admin.get_queryset(request).db
        files = File.everything.using(using).filter(parent_content_type=OuterRef("pk"))
        kinds = ContentType.objects.using(using).filter(Exists(files))
        return [("none", _("Nothing")), *sorted((str(kind.pk), kind.name) for kind in kinds)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[File]) -> QuerySet[File]:
        """The files of the chosen kind of object."""
        kind = self.value() or ""
        if kind == "none":
            return queryset.filter(parent_type__isnull=True)
        return queryset.filter(parent_content_type=int(kind)) if kind.isdecimal() else queryset
