"""The endpoints of many files at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from partway.django.answers import json_answer
from partway.django.api import FilesView
from partway.errors import PartwayError
from partway.wire.answers import begun_upload_json, file_json
from partway.wire.problems import problem_of
from partway.wire.requests import BatchCompleteBody, BatchInitiateBody, BulkDeleteBody


class BatchView(FilesView):
    """Many uploads of small files."""

    family = "partway_initiate"

    def post(self, request: Request) -> HttpResponse:
        """Begin many uploads; each has its own outcome."""
        new = [each.as_new_upload() for each in self.body(BatchInitiateBody).files]
        begun = self.tell(self.stories.batches.initiate(new, caller=self.caller))
        where = self.addresses
        uploads = [
            _problem(each) if isinstance(each, PartwayError) else begun_upload_json(each, where) for each in begun
        ]
        return json_answer({"uploads": uploads}, status=201)


class BatchCompleteView(FilesView):
    """The end of many uploads."""

    family = "partway_upload"

    def post(self, request: Request) -> HttpResponse:
        """Complete many uploads; each has its own outcome."""
        ids = self.body(BatchCompleteBody).ids
        done = self.tell(self.stories.batches.complete(ids, caller=self.caller))
        where = self.addresses
        files = [
            _problem(each, file_id) if isinstance(each, PartwayError) else file_json(each, where)
            for file_id, each in zip(ids, done, strict=True)
        ]
        return json_answer({"files": files})


class BulkDeleteView(FilesView):
    """The end of many files."""

    def post(self, request: Request) -> HttpResponse:
        """Delete many files; each has its own outcome."""
        body = self.body(BulkDeleteBody)
        outcomes = self.tell(self.stories.trash.delete_many(body.ids, caller=self.caller, hard=body.hard_delete))
        results = [
            {"id": str(file_id), "deleted": True} if error is None else _problem(error, file_id)
            for file_id, error in zip(body.ids, outcomes, strict=True)
        ]
        return json_answer({"results": results})


def _problem(error: PartwayError, file_id: UUID | None = None) -> dict[str, Any]:
    problem: dict[str, Any] = {"error": problem_of(error).body}
    return problem if file_id is None else {"id": str(file_id), **problem}
