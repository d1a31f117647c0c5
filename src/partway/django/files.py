"""The endpoints of files, as docs/wire.md has them."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from partway.django.answers import json_answer
from partway.django.api import FilesView, file_id_of
from partway.django.conf import configuration
from partway.django.queries import Deletion, Expiry, Listing, Owner
from partway.wire.answers import file_json, metadata_json, page_json, usage_json
from partway.wire.requests import CopyBody, ParentBody, PatchBody


class FilesListView(FilesView):
    """Files as a collection."""

    def get(self, request: Request) -> HttpResponse:
        """The caller's files, newest first."""
        query = self.checked(Listing, request.query_params.dict()).as_query()
        page = self.tell(self.stories.files.page(query, caller=self.caller))
        asked = [(name, value) for name, values in request.query_params.lists() for value in values]
        return json_answer(page_json(page, asked, self.addresses))


class FileView(FilesView):
    """One file."""

    def get(self, request: Request, file_id: str) -> HttpResponse:
        """The file."""
        file = self.tell(self.stories.files.get(file_id_of(file_id), caller=self.caller))
        return json_answer(file_json(file, self.addresses))

    def patch(self, request: Request, file_id: str) -> HttpResponse:
        """Change name, description, metadata or publicity."""
        changes = self.body(PatchBody).changes()
        file = self.tell(self.stories.files.update(file_id_of(file_id), changes, caller=self.caller))
        return json_answer(file_json(file, self.addresses))

    def delete(self, request: Request, file_id: str) -> HttpResponse:
        """Delete: hidden at first (the object is kept); with `hard_delete` the object and the record go."""
        hard = self.checked(Deletion, request.query_params.dict()).hard_delete
        self.tell(self.stories.files.delete(file_id_of(file_id), caller=self.caller, hard=hard))
        return HttpResponse(status=204)


class PresignedUrlView(FilesView):
    """A file's address for a while."""

    family = "partway_download"

    def get(self, request: Request, file_id: str) -> HttpResponse:
        """A URL from which anybody may fetch the file for a while, straight from the store."""
        asked = self.checked(Expiry, request.query_params.dict())
        story = self.stories.files.presigned_url(
            file_id_of(file_id), caller=self.caller, expires_in=asked.expiry, as_attachment=asked.force_download
        )
        signed = self.tell(story)
        return json_answer({"url": self.addresses.absolute(signed.url), "expires_in": signed.expires_in})


class RestoreView(FilesView):
    """The way out of the trash."""

    def post(self, request: Request, file_id: str) -> HttpResponse:
        """Undo a soft deletion. Twice is fine."""
        file = self.tell(self.stories.files.restore(file_id_of(file_id), caller=self.caller))
        return json_answer(file_json(file, self.addresses))


class SetParentView(FilesView):
    """What a file is attached to."""

    def post(self, request: Request, file_id: str) -> HttpResponse:
        """Attach the file to an object of the project, or detach it by null."""
        body = self.body(ParentBody)
        story = self.stories.files.set_parent(
            file_id_of(file_id), body.parent_content_type, body.parent_object_id, caller=self.caller
        )
        return json_answer(file_json(self.tell(story), self.addresses))


class MetadataView(FilesView):
    """What record and store say."""

    def get(self, request: Request, file_id: str) -> HttpResponse:
        """What the record and the store say of the file, side by side."""
        return json_answer(
            metadata_json(*self.tell(self.stories.files.inspect(file_id_of(file_id), caller=self.caller)))
        )


class CopyView(FilesView):
    """Copies of a file."""

    family = "partway_initiate"

    def post(self, request: Request, file_id: str) -> HttpResponse:
        """Copy the file inside the store. Large ones take as long as the store needs."""
        new = (self.optional_body(CopyBody) or CopyBody()).as_new_copy()
        story = self.stories.copies.copy(
            file_id_of(file_id), new, caller=self.caller, idempotency_key=self.idempotency_key
        )
        return json_answer(file_json(self.tell(story), self.addresses), status=201)


class UsageView(FilesView):
    """What owners use."""

    def get(self, request: Request) -> HttpResponse:
        """What the caller, or for staff another owner, uses and may use."""
        owner = self.checked(Owner, request.query_params.dict()).owner
        story = self.stories.uploads.admission.standing(self.caller, owner=owner, quota=configuration().uploads.quota)
        return json_answer(usage_json(self.tell(story)))
