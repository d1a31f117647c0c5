"""What a form sends for an uploaded file: its id, signed for its owner alone.

A form knows no user. So whoever has uploaded a file asks for its form value, and gets it as the owner only; an id that
leaked attaches nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpResponse
from rest_framework.request import Request

from partway.django.answers import json_answer
from partway.django.api import FilesView, file_id_of

MAX_AGE = timedelta(days=7)  #: how long a form may lie open with a file in it


class FormValueView(FilesView):
    """The form value of one file."""

    def get(self, request: Request, file_id: str) -> HttpResponse:
        """What a form's field takes as the proof that the caller owns this finished file; also staff need to own it."""
        owner = replace(self.caller, staff=False)
        file = self.tell(self.stories.files.finished(file_id_of(file_id), caller=owner))
        answer = json_answer({"value": form_value(file.id), "expires_in": int(MAX_AGE.total_seconds())})
        answer["Cache-Control"] = "no-store"
        return answer


def form_value(file_id: UUID) -> str:
    """An id, signed. Give it to the file's owner alone."""
    return _signer().sign(str(file_id))


def signed_id(value: str) -> UUID:
    """The id in a form value.

    Raises:
        SignatureExpired: it is too old.
        BadSignature: it is none of ours.
    """
    text = _signer().unsign(value, max_age=MAX_AGE)
    try:
        return UUID(text)
    except ValueError as error:
        raise BadSignature("What is signed is no id.") from error


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="partway.django.form_values")
