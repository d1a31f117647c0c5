"""What files may be attached to: by `PARTWAY["PARENTS"]` and `PARTWAY["MAY_ATTACH"]`.

Without either, parents are texts that nobody looks into. With one of them a parent is an object that is there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model

from partway.core.file import Caller, File
from partway.core.files import Files
from partway.core.hooks import Hooks
from partway.core.initiation import NewUpload
from partway.django.doors import database_door
from partway.django.options import is_given, option
from partway.django.rows import user_key
from partway.errors import InvalidInput, Refused


class ParentHooks(Hooks):
    """The project's hooks, and behind them the rules of parents."""

    async def before_initiate(self, draft: NewUpload, caller: Caller) -> NewUpload:
        """See `core.hooks.Hooks`; the parent is named as the project's own queries name it."""
        taken = await super().before_initiate(draft, caller)
        kind, object_id = checked_parent(taken.parent_content_type, taken.parent_object_id, caller)
        return replace(taken, parent_content_type=kind, parent_object_id=object_id)


class AttachedFiles(Files):
    """Files that are attached by the rules of parents."""

    async def set_parent(
        self, file_id: UUID, content_type: str | None, object_id: str | None, *, caller: Caller
    ) -> File:
        """See `core.files.Files`.

        Raises:
            Refused: there is no such object that the caller may attach files to (code `parent_refused`).
        """
        await self.get(file_id, caller=caller)  # whoever may not see the file learns nothing of objects
        if content_type is not None and object_id is not None:
            content_type, object_id = checked_parent(content_type, object_id, caller)
        return await super().set_parent(file_id, content_type, object_id, caller=caller)


def checked_parent(kind: str | None, object_id: str | None, caller: Caller) -> tuple[str | None, str | None]:
    """The parent that a caller names, if files may be attached to it.

    Raises:
        InvalidInput: half of it is missing, or it is of a kind that takes no files.
        Refused: there is no such object that the caller may attach files to (code `parent_refused`).
    """
    if not (is_given("PARENTS") or is_given("MAY_ATTACH")) or (kind is None and object_id is None):
        return kind, object_id
    if kind is None or object_id is None:
        raise InvalidInput(
            "parent_content_type and parent_object_id belong together: give both, or neither.",
            field="parent_object_id" if object_id is None else "parent_content_type",
        )
    model = _model(kind)
    parent = _object(model, object_id)
    if parent is None or not _may_attach(caller, parent):
        raise Refused("There is no such object that you may attach files to.", code="parent_refused")
    return model._meta.label_lower, str(parent.pk)


def _model(kind: str) -> type[Model]:
    taken = option("PARENTS") or "*"
    try:
        model: type[Model] = apps.get_model(kind)
        if taken == "*" or model._meta.label_lower in taken:
            return model
    except (LookupError, ValueError):
        pass
    raise InvalidInput(
        "parent_content_type names nothing that files can be attached to; it is written as app.model.",
        field="parent_content_type",
    )


def _object(model: type[Model], object_id: str) -> Model | None:
    """The object; None: there is none, or no object can have such an id."""
    found = model._default_manager.all()
    with database_door(found.db):
        try:
            return found.filter(pk=object_id).first()
        except (ValueError, ValidationError, OverflowError):
            return None


def _may_attach(caller: Caller, parent: Model) -> bool:
    rule: Any = option("MAY_ATTACH")
    if rule is None:
        return True
    user = get_user_model()._default_manager.filter(pk=user_key(caller.id)).first()
    return bool(rule(user, parent))
