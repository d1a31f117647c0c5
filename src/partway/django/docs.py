"""The API's reference and its OpenAPI schema: `path("", include("partway.django.docs"))`. Nothing comes from elsewhere.

For projects that do not show their whole API by drf-spectacular's own views.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import path

from partway import __version__
from partway.django.api import FilesView

if not (apps.is_installed("drf_spectacular") and apps.is_installed("drf_spectacular_sidecar")):
    raise ImproperlyConfigured(
        "partway.django.docs needs 'drf_spectacular' and 'drf_spectacular_sidecar' in INSTALLED_APPS "
        "(pip install 'drf-spectacular[sidecar]')."
    )

from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

_TITLE = "Files"


class FilesEndpoints(EndpointEnumerator):
    """Those of a project's endpoints that are the files API's."""

    def should_include_endpoint(self, path: str, callback: Any) -> bool:
        """Whether an endpoint is one of ours."""
        return super().should_include_endpoint(path, callback) and issubclass(callback.cls, FilesView)


class FilesGenerator(SchemaGenerator):
    """Describes the files API alone, where the project has it."""

    endpoint_inspector_cls = FilesEndpoints

    def get_schema(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The schema."""
        found: dict[str, Any] = super().get_schema(*args, **kwargs)  # type: ignore[no-untyped-call]
        return {**found, "info": {"title": _TITLE, "version": __version__}}


class ReferenceView(SpectacularSwaggerSplitView):
    """A page that shows the schema and sends requests, with scripts that the project serves itself."""

    @staticmethod
    def _swagger_ui_resource(filename: str) -> str:
        return static(f"drf_spectacular_sidecar/swagger-ui-dist/{filename}")

    @staticmethod
    def _swagger_ui_favicon() -> str:
        return static("drf_spectacular_sidecar/swagger-ui-dist/favicon-32x32.png")


app_name = "partway_docs"
urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(generator_class=FilesGenerator, schema=None), name="schema"),
    path("docs", ReferenceView.as_view(url_name="partway_docs:schema", title=_TITLE), name="reference"),
]
