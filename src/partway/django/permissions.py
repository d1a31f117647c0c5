"""A permission of Django REST framework for the project's own views of files."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from partway.core.file import Caller
from partway.django.models import File


class IsOwnerOrStaff(BasePermission):
    """Lets those in who own a file, and staff: as the API of files does.

    For views of `partway.django.models.File`, or of anything that has one as `file`.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether somebody is known to ask."""
        return bool(request.user and request.user.is_authenticated)

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        """Whether the file is theirs."""
        file = obj if isinstance(obj, File) else obj.file
        user, claimed = request.user, request.auth
        is_staff = getattr(user, "is_staff", False) or (isinstance(claimed, Caller) and claimed.staff)
        return bool(is_staff) or file.owner == str(user.pk)
