"""Serves the scripts of the form's field: of the project's own origin, so that strict policies and workers take them.

Their addresses name what all of them hold, so browsers keep them for good, and a new version has new addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from partway.wire.page_files import PageFile, page_files

_SERVED = ("app/format.js", "field/", "partway/")


@require_safe
def page_file(request: HttpRequest, version: str, name: str) -> HttpResponse:
    """One file. A version that is not this one gets this one, and is not to keep it: its page is older than we are.

    Raises:
        Http404: there is none of this name.
    """
    file = _files().get(name)
    if file is None:
        raise Http404(f"There is no {name}.")
    kept = "public, max-age=31536000, immutable" if version == _version() else "no-cache"
    headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
    return HttpResponse(file.content, content_type=file.media_type, headers=headers)


def page_file_url(name: str) -> str:
    """Where a file is served.

    Raises:
        NoReverseMatch: the project's URLs do not include `partway.django.urls`.
    """
    return reverse("partway:page-file", kwargs={"version": _version(), "name": name})


@cache
def _files() -> Mapping[str, PageFile]:
    return {name: file for name, file in page_files().items() if name.startswith(_SERVED)}


@cache
def _version() -> str:
    digest = sha256()
    for name, file in sorted(_files().items()):
        digest.update(f"{name} {file.etag}\n".encode())
    return digest.hexdigest()[:16]
