"""What each endpoint reads and answers, for descriptions of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from partway.django.downloads import DownloadView, PublicView
from partway.django.files import (
    CopyView,
    FilesListView,
    FileView,
    MetadataView,
    PresignedUrlView,
    RestoreView,
    SetParentView,
    UsageView,
)
from partway.django.form_upload import FormUploadView
from partway.django.form_values import FormValueView
from partway.django.many import BatchCompleteView, BatchView, BulkDeleteView
from partway.django.queries import Deletion, Delivery, Expiry, Listing, Owner, PrivateDelivery
from partway.django.uploads import CompleteView, PartsView, PresignedUrlsView, UploadsView, UploadView
from partway.wire import requests, schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one endpoint."""

    tag: str = "files"
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None  #: JSON
    body_required: bool = True
    takes_form: bool = False  #: `schemas.UPLOAD_FORM`, instead of JSON
    idempotent: bool = False  #: takes `Idempotency-Key`
    answer: type[BaseModel] | None = None  #: JSON; None: nothing, or a file's bytes
    status: int = 200
    answers_bytes: bool = False
    redirects: bool = False


class FormValueAnswer(BaseModel):
    """What a form's field takes for a file, and the seconds that it is good for."""

    value: str
    expires_in: int


_FILE = Operation(answer=schemas.FileAnswer)
_OPERATIONS: Mapping[tuple[type, str], Operation] = {
    (UploadsView, "POST"): Operation(
        tag="uploads", body=requests.InitiateBody, idempotent=True, answer=schemas.BegunUploadAnswer, status=201
    ),
    (BatchView, "POST"): Operation(
        tag="uploads", body=requests.BatchInitiateBody, answer=schemas.BatchBegunAnswer, status=201
    ),
    (BatchCompleteView, "POST"): Operation(
        tag="uploads", body=requests.BatchCompleteBody, answer=schemas.BatchCompletedAnswer
    ),
    (UploadView, "GET"): Operation(tag="uploads", answer=schemas.UploadStateAnswer),
    (UploadView, "DELETE"): Operation(tag="uploads", status=204),
    (PresignedUrlsView, "POST"): Operation(tag="uploads", body=requests.PresignBody, answer=schemas.PresignedUrls),
    (PartsView, "POST"): Operation(tag="uploads", body=requests.ReportBody, answer=schemas.ProgressAnswer),
    (CompleteView, "POST"): Operation(
        tag="uploads", body=requests.CompleteBody, body_required=False, answer=schemas.FileAnswer
    ),
    (FormUploadView, "POST"): Operation(tag="uploads", takes_form=True, answer=schemas.FileAnswer, status=201),
    (UsageView, "GET"): Operation(query=Owner, answer=schemas.UsageAnswer),
    (BulkDeleteView, "POST"): Operation(body=requests.BulkDeleteBody, answer=schemas.BulkDeleteAnswer),
    (FilesListView, "GET"): Operation(query=Listing, answer=schemas.FilePageAnswer),
    (FileView, "GET"): _FILE,
    (FileView, "PATCH"): Operation(body=requests.PatchBody, answer=schemas.FileAnswer),
    (FileView, "DELETE"): Operation(query=Deletion, status=204),
    (PresignedUrlView, "GET"): Operation(query=Expiry, answer=schemas.UrlAnswer),
    (DownloadView, "GET"): Operation(query=PrivateDelivery, answers_bytes=True, redirects=True),
    (PublicView, "GET"): Operation(query=Delivery, answers_bytes=True),
    (RestoreView, "POST"): _FILE,
    (SetParentView, "POST"): Operation(body=requests.ParentBody, answer=schemas.FileAnswer),
    (MetadataView, "GET"): Operation(answer=schemas.MetadataAnswer),
    (FormValueView, "GET"): Operation(answer=FormValueAnswer),
    (CopyView, "POST"): Operation(
        body=requests.CopyBody, body_required=False, idempotent=True, answer=schemas.FileAnswer, status=201
    ),
}


def operation_of(view: type, method: str) -> Operation | None:
    """What a view of ours, or one that a project has made of it, does by a method; None: the project's own."""
    found = (_OPERATIONS.get((each, method)) for each in view.__mro__)
    return next((operation for operation in found if operation is not None), None)
