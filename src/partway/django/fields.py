"""References to files in the project's own models.

`attachment = UploadedFileField(accept="image/*", null=True, blank=True)`; then `post.attachment` is the file's row.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Model
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.forms import Field as FormField

from partway.core.blocking import run_straight
from partway.django.accept import Accept

_MOVED = "_partway_moved"  #: what a form has changed in an object: the ids of the files before and after


class UploadedFileField(models.ForeignKey[Any, Any]):
    """A foreign key to a file. In forms and in the admin the file is uploaded from there, straight to the store.

    A file that comes by a form is attached to the object when that is saved, unless it is attached to another, so that
    it is deleted with the object; one that a form replaces or clears is detached, and stays its owner's.

    Args:
        accept: which files forms take, as HTML's attribute: `image/*,.pdf`; empty: every type.
        max_size: bytes that forms take; None: whatever the project takes.
        on_delete: what becomes of the object when its file is deleted. Without it the reference is emptied if it may be
            null; otherwise the file cannot be deleted.

    Raises:
        ValueError: `accept` has a word that is neither a media type nor an extension.
    """

    def __init__(
        self,
        to: Any = "partway.File",
        on_delete: Any = None,
        *,
        accept: str = "",
        max_size: int | None = None,
        **options: Any,
    ) -> None:
        Accept.read(accept)
        self.accept = accept
        self.max_size = max_size
        if on_delete is None:
            on_delete = models.SET_NULL if options.get("null") else models.RESTRICT
        options.setdefault("related_name", "+")  # so that a model may have several
        super().__init__(to, on_delete, **options)

    def deconstruct(self) -> Any:
        """What migrations say: no more than the database has to do with."""
        name, path, args, options = super().deconstruct()
        del options["to"]
        return name, path, args, options

    def formfield(self, **options: Any) -> FormField | None:
        """The field that uploads; one that chooses among all files, if it is given a widget for that."""
        from partway.django.forms import UploadedFileField as UploadedFormField
        from partway.django.forms import UploadInput

        widget = options.get("widget", UploadInput)
        if not issubclass(widget if isinstance(widget, type) else type(widget), UploadInput):
            return super().formfield(**options)
        kept = {name: value for name, value in options.items() if name not in {"queryset", "using"}}
        return models.Field.formfield(
            self, **{"form_class": UploadedFormField, "accept": self.accept, "max_size": self.max_size, **kept}
        )

    def save_form_data(self, instance: Model, data: Any) -> None:
        """Take what a form says, and remember it until the object is saved."""
        before = getattr(instance, self.attname)
        super().save_form_data(instance, data)
        after = getattr(instance, self.attname)
        if before != after:
            instance.__dict__.setdefault(_MOVED, []).append((before, after))


@receiver(post_save)
def attach(instance: Model, using: str, **_: Any) -> None:
    """Attach the files that a form has given to an object, and detach those that it took away."""
    for before, after in instance.__dict__.pop(_MOVED, ()):
        _move(before, instance, None, using=using)
        _move(after, None, instance, using=using)


def _move(file_id: UUID | None, source: Model | None, target: Model | None, *, using: str) -> None:
    """Attach a file to an object (None: to nothing) if it is attached to another one (None: to nothing)."""
    from partway.django.records import BlockingOrmRecords

    if file_id is None:
        return
    records = BlockingOrmRecords(using=using)
    file = run_straight(records.get(file_id))
    if file is not None and (file.parent_content_type, file.parent_object_id) == _parent(source):
        kind, object_id = _parent(target)
        run_straight(records.change(file_id, parent_content_type=kind, parent_object_id=object_id))


def _parent(instance: Model | None) -> tuple[str | None, str | None]:
    """An object as files name it."""
    return (None, None) if instance is None else (instance._meta.label_lower, str(instance.pk))
