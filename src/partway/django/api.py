"""What all endpoints have in common: who calls, what was sent, and how errors are answered."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from pydantic import BaseModel, ValidationError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import set_rollback

from partway.core.blocking import run_straight
from partway.core.file import Caller
from partway.django.access import GuardedView, our_error
from partway.django.answers import addresses, invalid, json_answer, problem_answer
from partway.django.options import database_alias, option
from partway.django.stories import Stories, stories
from partway.errors import InvalidInput, NotAuthenticated, NotFound, PartwayError, Refused
from partway.wire.answers import Addresses

T = TypeVar("T")
BodyT = TypeVar("BodyT", bound=BaseModel)


class FilesView(GuardedView):
    """An endpoint of the files API, behind the project's own authentication."""

    parser_classes: Sequence[type[BaseParser]] = (JSONParser,)
    renderer_classes: Sequence[type[BaseRenderer]] = (JSONRenderer,)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """The view, which `ATOMIC_REQUESTS` leaves alone: each step of a story commits before the store is asked.

        So a crash, or a store that does not answer, never leaves there what no record knows.
        """
        return transaction.non_atomic_requests(using=database_alias())(super().as_view(**initkwargs))

    @property
    def stories(self) -> Stories:
        """What can be done with files."""
        return stories()

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return caller_of(self.request)

    @property
    def addresses(self) -> Addresses:
        """Where this API stands as the client sees it."""
        prefix, _, _ = self.request.path.rpartition("/files")
        while "/files" in prefix:
            prefix, _, _ = prefix.rpartition("/files")
        return addresses(self.request, prefix=prefix)

    def tell(self, story: Coroutine[Any, Any, T]) -> T:
        """Run a story to its end."""
        return run_straight(story)

    def body(self, kind: type[BodyT]) -> BodyT:
        """The JSON that was sent.

        Raises:
            Refused: it is no JSON, or too large.
            InvalidInput: a value is not taken.
        """
        content = self.content
        if not content:
            return self.checked(kind, None)
        try:
            return self.checked(kind, json.loads(content))
        except (ValueError, RecursionError) as error:
            raise Refused("The body is not JSON.", code="malformed_body") from error

    @cached_property
    def content(self) -> bytes:
        """The body as it came.

        Raises:
            Refused: it is too large.
        """
        most, length = option("MAX_BODY_SIZE"), self.request.META.get("CONTENT_LENGTH")
        if length and int(length) > most:
            raise _too_large(most)
        # Under WSGI Django takes a chunked body for an empty one; the server knows where it ends.
        chunked = not length and self.request.META.get("wsgi.input_terminated")
        body = self.request.META["wsgi.input"] if chunked else self.request._request
        content: bytes = body.read(most + 1)
        if len(content) > most:
            raise _too_large(most)
        return content

    def optional_body(self, kind: type[BodyT]) -> BodyT | None:
        """The JSON that was sent; None: nothing was, or null."""
        return None if self.content in {b"", b"null"} else self.body(kind)

    @staticmethod
    def checked(kind: type[BodyT], sent: Any) -> BodyT:
        """Values as a body or a query has them.

        Raises:
            InvalidInput: one is not taken.
        """
        try:
            return kind.model_validate(sent)
        except ValidationError as error:
            raise invalid(error) from None

    @property
    def idempotency_key(self) -> str | None:
        """The header of this name.

        Raises:
            InvalidInput: it is not 1 to 255 visible ASCII characters.
        """
        key = self.request.headers.get("Idempotency-Key")
        if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable() and " " not in key):
            raise InvalidInput("Idempotency-Key must be 1 to 255 visible characters.", field="Idempotency-Key")
        return key

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """What the endpoint is for, and which methods it has."""
        return self._with_methods(json_answer(super().options(request, *args, **kwargs).data))

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]  # a plain answer needs no renderer
        """Answer every error as problem+json."""
        error = exc if isinstance(exc, PartwayError) else our_error(exc)
        if error is None:
            raise exc
        set_rollback()  # in a view of the project's own that `ATOMIC_REQUESTS` does not leave alone
        answer = problem_answer(error)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer["WWW-Authenticate"] = self.challenge
        return self._with_methods(answer) if answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED else answer

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Let plain answers pass as they are."""
        return response

    def _with_methods(self, answer: HttpResponse) -> HttpResponse:
        answer["Allow"] = ", ".join(self.allowed_methods)
        return answer


def caller_of(request: Request) -> Caller:
    """Who makes a request.

    Raises:
        NotAuthenticated: that is not known.
    """
    user: Any = request.user  # of whatever model the project has
    if user is None or not user.is_authenticated:
        raise NotAuthenticated("Say who you are: files have owners.")
    name = user.get_full_name() or user.get_username()
    caller = Caller(id=str(user.pk), name=name, staff=bool(user.is_staff))
    claimed = getattr(request, "auth", None)
    if not isinstance(claimed, Caller):
        return caller
    return replace(caller, staff=caller.staff or claimed.staff, quota_bytes=claimed.quota_bytes)


def _too_large(most: int) -> Refused:
    return Refused(f"The body is too large; at most {most} bytes are read.", code="body_too_large")


def file_id_of(text: str) -> UUID:
    """The id in a path.

    Raises:
        NotFound: it is none.
    """
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound("There is no such file. Check the id, and that the token is its owner's.") from error
