"""Who may ask for files, and how often: as the project's settings and Django REST framework's have it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils.datastructures import MultiValueDict
from rest_framework import exceptions
from rest_framework.parsers import BaseParser, DataAndFiles
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from partway.django.answers import misconfigured
from partway.django.options import option
from partway.errors import NotAuthenticated, NotFound, PartwayError, RateLimited, Refused

_CSRF = "CSRF Failed"  # how Django REST framework begins to say so


class _Unread(BaseParser):
    """Reads nothing: looking for a CSRF token in it would use up the body. The token comes in its header."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> DataAndFiles[Any, Any]:
        return DataAndFiles(QueryDict(), MultiValueDict())


class GuardedView(APIView):
    """An endpoint behind `PARTWAY["PERMISSION_CLASSES"]` and `PARTWAY["THROTTLE_CLASSES"]`."""

    permission_classes: Sequence[type[BasePermission]] = ()  #: instead of the settings'; empty: those
    throttle_classes: Sequence[type[BaseThrottle]] = ()  #: likewise
    versioning_class = None  # the path says it
    family: ClassVar[str] = "partway_files"  #: the scope of `ScopedRateThrottle`

    def get_permissions(self) -> Sequence[Any]:
        """Who is asked whether a request may be made."""
        return [kind() for kind in self.permission_classes or option("PERMISSION_CLASSES")]

    def get_throttles(self) -> list[BaseThrottle]:
        """Who is asked whether it is one too many."""
        return [kind() for kind in self._throttle_kinds]

    @property
    def throttle_scope(self) -> str | None:
        """The family, if the project has a rate for it: `ScopedRateThrottle` fails where there is none."""
        rates = (getattr(kind, "THROTTLE_RATES", None) or {} for kind in self._throttle_kinds)
        return self.family if any(self.family in each for each in rates) else None

    @property
    def challenge(self) -> str:
        """What a 401 asks for: the first scheme of the project's that has a name."""
        named = (each.authenticate_header(self.request) for each in self.get_authenticators())
        return next((header for header in named if header), "Session")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a request, and part the view from it: they hold each other, and an answer of a thousand URLs.

        Only the garbage collector would find them, and every request would pay for its search.
        """
        answer = super().dispatch(request, *args, **kwargs)
        self.request.parser_context.clear()
        del self.request, self.response
        return answer

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """The request with its body left alone, for us to read."""
        asked = super().initialize_request(request, *args, **kwargs)
        asked.parsers = (_Unread(),)
        return asked

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """Take any `Accept`: what is answered does not depend on it."""
        return super().perform_content_negotiation(request, force=True)

    @property
    def _throttle_kinds(self) -> Sequence[Any]:
        named: Sequence[Any] | None = option("THROTTLE_CLASSES")
        return self.throttle_classes or (api_settings.DEFAULT_THROTTLE_CLASSES if named is None else named)


def our_error(error: Exception) -> PartwayError | None:
    """Django's and Django REST framework's errors in our words; None: it is none of them."""
    if isinstance(error, ImproperlyConfigured):
        return misconfigured(error)
    if isinstance(error, Http404):
        return NotFound("There is no such thing.")
    if isinstance(error, PermissionDenied):
        return Refused(str(error) or "You may not do this.")
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    return None


def _of_framework(error: exceptions.APIException) -> PartwayError:
    detail = str(error.detail)
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return NotAuthenticated(detail)
    if isinstance(error, exceptions.Throttled):
        return RateLimited(detail, retry_after=max(1, math.ceil(getattr(error, "wait", None) or 1)))
    if isinstance(error, exceptions.MethodNotAllowed):
        return Refused(detail, code="method_not_allowed")
    if isinstance(error, exceptions.NotFound):
        return NotFound(detail)
    return Refused(detail, code="csrf_failed" if detail.startswith(_CSRF) else None)
