"""The endpoints of uploads, as docs/wire.md has them."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from partway.django.answers import json_answer
from partway.django.api import FilesView, file_id_of
from partway.wire.answers import begun_upload_json, file_json, progress_json, signed_parts_json, upload_state_json
from partway.wire.requests import CompleteBody, InitiateBody, PresignBody, ReportBody


class UploadsView(FilesView):
    """Uploads as a collection."""

    family = "partway_initiate"

    def post(self, request: Request) -> HttpResponse:
        """Begin an upload: reserve the file, plan its parts and sign their URLs."""
        new = self.body(InitiateBody).as_new_upload()
        story = self.stories.uploads.initiate(new, caller=self.caller, idempotency_key=self.idempotency_key)
        return json_answer(begun_upload_json(self.tell(story), self.addresses), status=201)


class UploadView(FilesView):
    """One upload."""

    family = "partway_upload"

    def get(self, request: Request, file_id: str) -> HttpResponse:
        """The upload's plan and the parts that the store holds: what a client needs to go on."""
        state = self.tell(self.stories.uploads.state(file_id_of(file_id), caller=self.caller))
        return json_answer(upload_state_json(state))

    def delete(self, request: Request, file_id: str) -> HttpResponse:
        """Give the upload up and drop its parts."""
        self.tell(self.stories.uploads.abort(file_id_of(file_id), caller=self.caller))
        return HttpResponse(status=204)


class PresignedUrlsView(FilesView):
    """URLs of one upload's parts."""

    family = "partway_upload"

    def post(self, request: Request, file_id: str) -> HttpResponse:
        """Fresh URLs for some parts, at any time while the upload is open."""
        body = self.body(PresignBody)
        story = self.stories.uploads.presign(
            file_id_of(file_id), body.part_numbers, checksums=body.checksums, caller=self.caller
        )
        return json_answer(signed_parts_json(self.tell(story), self.addresses))


class PartsView(FilesView):
    """Parts of one upload that its client has sent."""

    family = "partway_upload"

    def post(self, request: Request, file_id: str) -> HttpResponse:
        """Report parts as sent, for those who watch."""
        parts = [part.as_stored_part() for part in self.body(ReportBody).parts]
        return json_answer(
            progress_json(self.tell(self.stories.uploads.report(file_id_of(file_id), parts, caller=self.caller)))
        )


class CompleteView(FilesView):
    """The end of one upload."""

    family = "partway_upload"

    def post(self, request: Request, file_id: str) -> HttpResponse:
        """Join the parts, verify the object and finish the file. Twice gives the same answer."""
        body = self.optional_body(CompleteBody)
        story = self.stories.uploads.complete(
            file_id_of(file_id), claimed=body.claims() if body else [], caller=self.caller
        )
        return json_answer(file_json(self.tell(story), self.addresses))
