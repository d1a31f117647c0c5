"""Downloads through the project, with Range and conditional requests; or by redirect to the store."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from partway.core.file import File
from partway.core.refusals import no_such_public_file
from partway.django.api import FilesView, file_id_of
from partway.django.conf import configuration
from partway.django.queries import Delivery, PrivateDelivery
from partway.django.streams import stream_answer
from partway.errors import ObjectGone
from partway.wire.downloads import PRIVATE, download_answer, public_caching


class _BytesView(FilesView):
    """Sends a file's bytes."""

    family = "partway_download"

    def send(self, file: File, *, as_attachment: bool, caching: Mapping[str, str]) -> HttpResponseBase:
        """The answer to this request."""
        headers = {name.lower(): value for name, value in self.request.headers.items()}
        answer = download_answer(
            file, method=self.request.method or "GET", headers=headers, as_attachment=as_attachment, caching=caching
        )
        if not answer.has_body:
            content = b"" if answer.problem is None else orjson.dumps(answer.problem)
            return HttpResponse(content, status=answer.status, headers=dict(answer.headers))
        story = self.stories.files.download(file, first=answer.first, last=answer.last, as_attachment=as_attachment)
        chunks = self.tell(story).stream.chunks
        return stream_answer(self.request._request, chunks, status=answer.status, headers=answer.headers)


class DownloadView(_BytesView):
    """A file's bytes, for its owner."""

    def get(self, request: Request, file_id: str) -> HttpResponseBase:
        """The file's bytes, or a redirect to where the store has them."""
        asked = self.checked(PrivateDelivery, request.query_params.dict())
        if asked.redirect and request.method == "GET":  # the URL is signed for GET alone: HEAD is answered here
            story = self.stories.files.presigned_url(
                file_id_of(file_id), caller=self.caller, as_attachment=asked.as_attachment
            )
            location = self.addresses.absolute(self.tell(story).url)
            return HttpResponse(status=307, headers={"Location": location, "Cache-Control": "private, no-store"})
        file = self.tell(self.stories.files.finished(file_id_of(file_id), caller=self.caller))
        return self.send(file, as_attachment=asked.as_attachment, caching=PRIVATE)

    head = get


class PublicView(_BytesView):
    """A public file's bytes, for everybody."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    def get(self, request: Request, file_id: str) -> HttpResponseBase:
        """The file's bytes; caches may keep them."""
        file = self.tell(self.stories.files.public(file_id_of(file_id)))
        as_attachment = self.checked(Delivery, request.query_params.dict()).as_attachment
        try:
            if request.method == "HEAD":
                self.tell(self.stories.files.stored(file))
            caching = public_caching(configuration().public_max_age)
            return self.send(file, as_attachment=as_attachment, caching=caching)
        except ObjectGone as error:
            raise no_such_public_file() from error

    head = get
