"""The API's URLs: `path("", include("partway.django.urls"))`. Each is good with and without a slash at its end."""

from __future__ import annotations

from django.urls import URLPattern, re_path
from django.views import View

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
from partway.django.local_store import stored_object
from partway.django.many import BatchCompleteView, BatchView, BulkDeleteView
from partway.django.page_files import page_file
from partway.django.uploads import CompleteView, PartsView, PresignedUrlsView, UploadsView, UploadView

app_name = "partway"
_ID = "(?P<file_id>[^/]+)"
_VIEWS: dict[str, type[View]] = {
    "": FilesListView,
    "/uploads": UploadsView,
    "/uploads/batch": BatchView,
    "/uploads/batch/complete": BatchCompleteView,
    f"/uploads/{_ID}": UploadView,
    f"/uploads/{_ID}/presigned-urls": PresignedUrlsView,
    f"/uploads/{_ID}/parts": PartsView,
    f"/uploads/{_ID}/complete": CompleteView,
    "/upload": FormUploadView,
    "/usage": UsageView,
    "/bulk-delete": BulkDeleteView,
    f"/{_ID}": FileView,
    f"/{_ID}/presigned-url": PresignedUrlView,
    f"/{_ID}/download": DownloadView,
    f"/{_ID}/public": PublicView,
    f"/{_ID}/restore": RestoreView,
    f"/{_ID}/set-parent": SetParentView,
    f"/{_ID}/metadata": MetadataView,
    f"/{_ID}/copy": CopyView,
    f"/{_ID}/form-value": FormValueView,
}


def _route(path: str, view: type[View]) -> URLPattern:
    name = path.removeprefix("/").replace(_ID, "file").replace("/", "-") or "files"
    return re_path(rf"^v1/files{path}$", view.as_view(), name=name)


def _route_with_slash(path: str, view: type[View]) -> URLPattern:
    """The same place; descriptions of the API name it once."""
    return re_path(rf"^v1/files{path}/$", view.as_view(schema=None))


urlpatterns = [
    *(_route(path, view) for path, view in _VIEWS.items()),
    *(_route_with_slash(path, view) for path, view in _VIEWS.items()),
    re_path(r"^store/(?P<key>.+)$", stored_object, name="store"),
    re_path(r"^partway/(?P<version>[0-9a-f]{16})/(?P<name>.+)$", page_file, name="page-file"),
]
