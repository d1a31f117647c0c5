"""Rows that are deleted past the API, in the admin, by code or with the user or object that they hang on.

Their objects must not be left behind. So each comes back at once, hidden and nobody's (`purging`), and upkeep removes
its object and then the row: as if it had been deleted for good by the API.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import router
from django.db.models import Model
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver
from django.utils import timezone

from partway.core.file import UploadStatus
from partway.django import models
from partway.django.rows import file_of
from partway.django.usage import Account, account

_OPEN = {UploadStatus.PENDING.value, UploadStatus.UPLOADING.value, UploadStatus.COMPLETING.value}
#: Apps whose rows nobody attaches files to.
_NO_PARENTS = frozenset({"admin", "contenttypes", "migrations", "partway", "sessions"})


@receiver(pre_delete, sender=models.File)
def take_in_hand(instance: models.File, using: str, **_: Any) -> None:
    """Remove what was reported of a row, and read it as it stands: nobody changes it until it is back.

    The write comes first, which is how SQLite locks.
    """
    models.Part.objects.using(using).filter(file_id=instance.pk)._raw_delete(using)
    rows = models.File.everything.using(using).select_for_update().filter(pk=instance.pk)
    standing = rows.first() or rows.first()  # a rival deletion that was waited for has brought it back
    instance._state.adding = standing is None
    if standing is not None:
        for field in models.File._meta.concrete_fields:
            setattr(instance, field.attname, getattr(standing, field.attname))


@receiver(post_delete, sender=models.File)
def bring_back(instance: models.File, using: str, **_: Any) -> None:
    """Keep what is left of a deleted row until its object is gone."""
    if instance._state.adding:  # it had gone already
        return
    before = file_of(instance)
    now = timezone.now()
    status = UploadStatus.ABORTED.value if instance.upload_status in _OPEN else instance.upload_status
    values = {field.attname: getattr(instance, field.attname) for field in models.File._meta.concrete_fields}
    values |= {"upload_status": status, "modified": now, "purging": now, "idempotency_key": None, "fingerprint": None}
    values |= {"created_by_id": None, "parent_content_type_id": None, "parent_type": None, "parent_object_id": None}
    row = models.File(**values)
    models.File.everything.using(using).bulk_create([row])
    account(using, before.created_by, Account.of(file_of(row)) - Account.of(before))


def listen() -> None:
    """Hear of the deletion of whatever files may be attached to, and of nothing else.

    Rows whose deletion somebody hears of are all read first; others, as sessions, Django removes by one statement.
    """
    for model in apps.get_models():
        if model._meta.app_label not in _NO_PARENTS:
            post_delete.connect(delete_attached, sender=model)


def delete_attached(sender: type[Model], instance: Model, using: str, **_: Any) -> None:
    """Delete the files that were attached to a deleted object."""
    if instance.pk is None or not _is_installed(using):
        return
    kind = ContentType.objects.db_manager(using).get_for_model(sender)
    models.File.everything.using(using).filter(
        parent_content_type=kind, parent_object_id=str(instance.pk), purging__isnull=True
    ).delete()


def _is_installed(using: str) -> bool:
    """Whether the app's tables can be there at all: other databases of the project have none."""
    return bool(router.allow_migrate_model(using, models.File))
