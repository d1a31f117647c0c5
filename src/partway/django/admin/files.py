"""The admin of files: what is listed, what is shown of one, and what may be changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import connections, router, transaction
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext_lazy as _

from partway.core.blocking import run_straight
from partway.core.refusals import no_such_file
from partway.django.admin import showing
from partway.django.admin.actions import BACK, FileActions, caller_of
from partway.django.admin.filters import ParentFilter, PlaceFilter, TypeFilter
from partway.django.admin.forms import EDITABLE, FileForm, PartInline
from partway.django.admin.tally import in_words
from partway.django.answers import addresses
from partway.django.conf import configuration
from partway.django.doors import database_door
from partway.django.models import File, Part
from partway.django.options import database_alias
from partway.django.stories import stories
from partway.errors import PartwayError
from partway.records.values import folded

_CONTENT = (("shown_size", "shown_type", "detected_content_type"), "file_name", ("checksum", "etag"))
_WHOSE = (("shown_owner", "shown_parent", "copied_from"),)
_UPLOAD = (
    ("shown_status", "failure"),
    ("shown_plan", "checksum_algorithm", "single_put"),
    ("upload_expires_at", "settled", "counted"),
)
_PLACE = (("id", "upload_id"), "key")
_TIMES = (("created", "modified", "completed"), ("deleted", "purging"))

for _field in File._meta.concrete_fields:
    if _field.name in {"key", "owner", "created_by_name"}:
        _field.register_lookup(Lower)  # some databases compare these letter by letter


class FileAdmin(FileActions):
    """Files as staff see them. What may be changed is changed by the same stories as through the API.

    Projects that want more: `admin.site.unregister(File)`, and register a subclass.
    """

    form = FileForm
    list_display = (
        *("shown_name", "listed_download", "shown_owner", "shown_size", "shown_type", "shown_status", "created"),
        "listed_parent",
    )
    list_filter = (PlaceFilter, "upload_status", TypeFilter, "created", "is_public", ParentFilter)
    list_per_page = 50
    ordering = ("-created", "-id")
    date_hierarchy = "created"
    show_full_result_count = False
    search_fields = (  # in small letters, as what is looked for
        *("folded_name__contains", "folded_file_name__contains", "key__lower__contains", "owner__lower__contains"),
        "created_by_name__lower__contains",
    )
    search_help_text = _("Search by name, key, owner or id.")
    fieldsets = (
        (None, {"fields": EDITABLE}),
        (_("Content"), {"fields": _CONTENT}),
        (_("Belongs to"), {"fields": _WHOSE}),
        (_("Upload"), {"fields": _UPLOAD}),
        (_("At the store"), {"fields": _PLACE}),
        (_("Times"), {"fields": _TIMES}),
    )
    readonly_fields = flatten((*_CONTENT, *_WHOSE, *_UPLOAD, *_PLACE, *_TIMES))

    class Media:
        """The look of badges and bars."""

        css = {"all": ("partway/admin.css",)}  # noqa: RUF012  # as Django writes it

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, file: File) -> str:
        """Under which name users see it."""
        return str(file)

    @admin.display(description=_("owner"))
    def shown_owner(self, file: File) -> str:
        """Who it belongs to, as the owner was called then; with a link where the admin shows users."""
        name = str(file.created_by_name or file.owner)
        if file.created_by_id is None:
            return name
        return showing.link(showing.change_url(self.admin_site.name, get_user_model(), file.created_by_id), name)

    @admin.display(description=_("size"), ordering="file_size")
    def shown_size(self, file: File) -> str:
        """In a unit that fits, and in bytes."""
        return format_html('<span title="{}">{}</span>', file.file_size, filesizeformat(file.file_size))

    @admin.display(description=_("type"), ordering="file_content_type")
    def shown_type(self, file: File) -> str:
        """As it was declared."""
        return str(file.file_content_type)

    @admin.display(description=_("status"))
    def shown_status(self, file: File) -> str:
        """In colour, and how far it has come by the client's reports."""
        counted: Any = file  # annotated
        progress = showing.progress(file, parts=counted.reported, last=counted.last_reported)
        return format_html("{} {}", showing.badges(file), progress)

    @admin.display(description=_("parts"))
    def shown_plan(self, file: File) -> str:
        """How it is cut."""
        return format_html("{} &times; {}", file.num_parts, filesizeformat(file.part_size))

    @admin.display(description=_("attached to"))
    def listed_parent(self, file: File) -> str | None:
        """What it is attached to, without a query."""
        return showing.parent_name(file)

    @admin.display(description=_("attached to"))
    def shown_parent(self, file: File) -> str:
        """What it is attached to."""
        return showing.parent(file, site=self.admin_site.name) or self.get_empty_value_display()

    @admin.display(description="")
    def listed_download(self, file: File) -> str:
        """A link that is signed once it is followed."""
        if not showing.is_there(file):
            return ""
        url = reverse(f"admin:{self._download}", args=[file.pk], current_app=self.admin_site.name)
        return showing.download(url, str(file))

    def get_queryset(self, request: HttpRequest) -> QuerySet[File]:
        """All files, also those in the trash; those that are being removed are for who may remove."""
        using = configuration().database
        parts = Part.objects.using(using).filter(file=OuterRef("pk")).order_by().values("file")
        count = Subquery(parts.annotate(found=Count("pk")).values("found"))
        last = Subquery(parts.annotate(found=Max("part_number")).values("found"))
        files: QuerySet[File] = self.model._base_manager.using(using).annotate(
            reported=Coalesce(count, 0), last_reported=last
        )
        if not self.has_delete_permission(request):
            files = files.filter(purging__isnull=True)
        return files.order_by(*self.get_ordering(request))

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """The fields, and what users are called, if they are in the same database."""
        users = get_user_model()
        fields = list(super().get_search_fields(request))
        beside = router.db_for_read(users) == configuration().database
        return [*fields, f"created_by__{users.USERNAME_FIELD}"] if beside else fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[File], search_term: str
    ) -> tuple[QuerySet[File], bool]:
        """Files with these words; or the one with this id."""
        try:
            file_id = UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, folded(search_term))
        return queryset.filter(pk=file_id), False

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list, with dates to walk through.

        Not in a search, where they cost two more looks at every row; nor where the database does not know our time
        zone (MariaDB without its tables).
        """
        found = super().get_changelist_instance(request)
        connection = connections[found.queryset.db]
        knows = connection.features.has_zoneinfo_database or get_current_timezone_name() == connection.timezone_name
        if found.query or not knows:
            found.date_hierarchy = None
        return found

    def get_inlines(self, request: HttpRequest, obj: File | None) -> list[Any]:
        """The reported parts, if there are any. They are only shown, so nothing of them is read from what is sent."""
        if request.method != "GET" or obj is None or not getattr(obj, "reported", 0):
            return []
        return [PartInline, *super().get_inlines(request, obj)]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Files are made by uploading."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: File | None = None) -> bool:
        """What was deleted is only shown."""
        gone = obj is not None and (obj.deleted is not None or obj.purging is not None)
        return not gone and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: File | None = None) -> bool:
        """What is being removed is deleted already."""
        gone = obj is not None and obj.purging is not None
        return not gone and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: File, form: Any, change: bool) -> None:
        """Change the fields that were changed, and no others: an upload may go on meanwhile.

        Raises:
            PartwayError: the file has gone, or the database has.
        """
        run_straight(stories().files.update(obj.pk, form.changes(), caller=caller_of(request)))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[File]) -> None:
        """Delete rows; see `partway.django.removal`. Those that are being removed already are left."""
        queryset.filter(purging__isnull=True).delete()

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page of a file, with what can be done with it."""
        file: File | None = kwargs.get("obj")
        if file is not None:
            described = dict(self.get_action_choices(request))
            useful = showing.useful_actions(file)
            context["file_actions"] = [(name, described[name]) for name in useful if name in described]
            context["is_there"] = showing.is_there(file)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[File], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """What comes after an action: the page that it was asked for on, if the file is still there."""
        answer: HttpResponse | None = super().response_action(request, queryset, *args, **kwargs)
        file = self.get_object(request, request.POST.get(BACK, ""))
        if file is None or not isinstance(answer, HttpResponseRedirect):
            return answer
        return HttpResponseRedirect(showing.change_url(self.admin_site.name, self.model, file.pk) or answer.url)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What would be deleted: not what is being removed already."""
        return super().get_deleted_objects([file for file in objs if file.purging is None], request)

    def get_urls(self) -> list[URLPattern]:
        """The admin's own, and where downloads begin."""
        view = self.admin_site.admin_view(self.download_view)
        return [path("<uuid:file_id>/download/", view, name=self._download), *super().get_urls()]

    def download_view(self, request: HttpRequest, file_id: UUID) -> HttpResponse:
        """Sign a URL now, and go there. It is saved, not shown."""

        def signed() -> HttpResponse:
            file = self.get_object(request, str(file_id))
            if file is None:
                raise no_such_file()
            if not self.has_view_permission(request, file):
                raise PermissionDenied
            found = run_straight(stories().files.presigned_url(file_id, caller=caller_of(request), as_attachment=True))
            answer = HttpResponseRedirect(addresses(request, prefix="").absolute(found.url))
            answer["Cache-Control"] = "private, no-store"
            return answer

        return self._answer(request, signed)

    @transaction.non_atomic_requests(using=database_alias())  # what the store did is not undone with a request's
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, and what is done with many files."""
        view = partial(super().changelist_view, request, extra_context)
        return self._answer(request, view, otherwise="index")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One file."""
        return self._answer(request, partial(super().changeform_view, request, object_id, form_url, extra_context))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The end of one file."""
        return self._answer(request, partial(super().delete_view, request, object_id, extra_context))

    @property
    def _list(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_changelist"

    @property
    def _download(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_download"

    def _answer(
        self, request: HttpRequest, view: Callable[[], HttpResponse], *, otherwise: str | None = None
    ) -> HttpResponse:
        """A view's answer; if store or database fail, a message, and another page."""
        try:
            with database_door(configuration().database):
                return view()
        except PartwayError as error:
            self.message_user(request, in_words(error), messages.ERROR)
            return HttpResponseRedirect(reverse(f"admin:{otherwise or self._list}", current_app=self.admin_site.name))
