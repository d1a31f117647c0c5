"""How the admin shows files: badges, bars, links."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.admin.utils import quote
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model
from django.template.defaultfilters import filesizeformat
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partway.core.parts import PartPlan
from partway.django.models import File, Status

OPEN = {Status.PENDING, Status.UPLOADING, Status.COMPLETING}


def reported_size(plan: PartPlan, *, parts: int, last: int | None) -> int:
    """How many bytes the reported parts have.

    Args:
        plan: of the file.
        parts: how many were reported.
        last: the highest number among them; None: there are none.
    """
    if last is None:
        return 0
    return (parts - 1) * plan.part_size + plan.size_of(last)


def badges(file: File) -> SafeString:
    """A file's status in colour, and whether it is in the trash or being removed."""
    found = [(file.upload_status, file.get_upload_status_display())]
    if file.purging is not None:
        found.append(("removing", _("being removed")))
    elif file.deleted is not None:
        found.append(("trash", _("in the trash")))
    return format_html_join(" ", '<span class="partway-badge partway-{}">{}</span>', found)


def progress(file: File, *, parts: int, last: int | None) -> SafeString | str:
    """How far an upload has come, or had come, by its client's reports; nothing for a complete one."""
    if file.upload_status == Status.COMPLETED or (file.upload_status not in OPEN and not parts):
        return ""
    size = reported_size(PartPlan(file.file_size, file.part_size, file.num_parts), parts=parts, last=last)
    percent = 100 * size // file.file_size if file.file_size else 0
    words = ngettext(
        "%(parts)d of %(count)d part, %(size)s",
        "%(parts)d of %(count)d parts, %(size)s",
        file.num_parts,
    ) % {"parts": parts, "count": file.num_parts, "size": filesizeformat(size)}
    if file.upload_status not in OPEN:
        return format_html('<span class="partway-progress">{}</span>', words)
    return format_html(
        '<span class="partway-progress"><progress max="100" value="{}" aria-label="{} %"></progress> {}</span>',
        percent,
        percent,
        words,
    )


def is_there(file: File) -> bool:
    """Whether a file can be downloaded."""
    return file.upload_status == Status.COMPLETED and file.deleted is None and file.purging is None


def useful_actions(file: File) -> list[str]:
    """Names of actions that could do something with a file as it stands."""
    if file.purging is not None:
        return ["retry"]
    if file.upload_status in OPEN:
        return ["retry", "abort", "purge"]
    if file.upload_status == Status.COMPLETED:
        return ["verify", "trash" if file.deleted is None else "restore", "purge"]
    return [*([] if file.settled else ["retry"]), "purge"]


def download(url: str, name: str) -> SafeString:
    """An arrow that leads to a file's bytes."""
    label = _("Download %(name)s") % {"name": name}
    return format_html('<a class="partway-download" href="{}" title="{}" aria-label="{}">↓</a>', url, label, label)


def link(url: str | None, text: Any) -> SafeString | str:
    """A link, if there is somewhere to go."""
    return format_html('<a href="{}">{}</a>', url, text) if url else str(text)


def change_url(site: str, model: type[Model], pk: Any) -> str | None:
    """Where an admin site shows an object; None: it does not."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    try:
        return reverse(name, args=[quote(str(pk))], current_app=site)
    except NoReverseMatch:
        return None


def parent_name(file: File) -> str | None:
    """What a file is attached to, without asking the database for it."""
    if file.parent_type is None:
        return None
    model = _model(file.parent_type)
    return f"{file.parent_type if model is None else model._meta.verbose_name} {file.parent_object_id}"


def parent(file: File, *, site: str) -> SafeString | str | None:
    """What a file is attached to, as it calls itself."""
    found = _parent(file)
    if found is None:
        return parent_name(file)
    return link(change_url(site, type(found), found.pk), found)


def _parent(file: File) -> Model | None:
    try:
        found: Model | None = file.parent
    except (ObjectDoesNotExist, OverflowError, ValidationError, ValueError):  # an id that no object can have
        return None
    return found


def _model(name: str) -> type[Model] | None:
    try:
        return apps.get_model(name)
    except (LookupError, ValueError):
        return None
