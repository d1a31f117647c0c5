"""Rows of the project's models that refer to files: what becomes of them when files go by the API or by upkeep.

Django sees to it when a row is deleted by its ORM; here it is done for those that are marked and removed past it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db import router
from django.db.models import PROTECT, RESTRICT, Exists, OuterRef, Q
from django.db.models.deletion import Collector, get_candidate_relations_to_delete

from partway.django import models
from partway.errors import Conflict


def unneeded(using: str) -> Q:
    """Files that nothing refers to that cannot be without them."""
    wanted = Q()
    for relation in _relations(using):
        if _on_delete(relation) in {PROTECT, RESTRICT}:
            rows = relation.related_model._base_manager.using(using)
            wanted &= ~Q(Exists(rows.filter(**{relation.field.name: OuterRef("pk")})))
    return wanted


def needed(file_ids: Iterable[UUID], *, using: str) -> set[UUID]:
    """Those of the files that something refers to and cannot be without."""
    asked, free = set(file_ids), unneeded(using)
    if not asked or not free:
        return set()
    return asked - set(models.File.everything.using(using).filter(free, pk__in=asked).values_list("pk", flat=True))


def refuse_needed(file_id: UUID, *, using: str) -> None:
    """Raise `Conflict` (`file_in_use`) if something refers to a file and cannot be without it."""
    if needed([file_id], using=using):
        raise Conflict("The file is in use. Delete what it belongs to, or give that another file.", code="file_in_use")


def let_go(file_id: UUID, *, using: str) -> None:
    """Do with the rows that refer to a file as they ask when it is deleted: empty the reference, or delete them too."""
    collector = Collector(using=using)
    for relation in _relations(using):
        if _on_delete(relation) not in {PROTECT, RESTRICT}:
            rows = relation.related_model._base_manager.using(using).filter(**{relation.field.name: file_id})
            if rows:
                _on_delete(relation)(collector, relation.field, rows, using)
    collector.delete()


def _relations(using: str) -> Iterator[Any]:
    """The foreign keys of other models to files."""
    options: Any = models.File._meta
    relation: Any
    for relation in get_candidate_relations_to_delete(options):
        if relation.related_model is not models.Part and router.allow_migrate_model(using, relation.related_model):
            yield relation


def _on_delete(relation: Any) -> Any:
    return relation.field.remote_field.on_delete
