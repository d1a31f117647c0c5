"""All URLs of the project."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("testapp.urls")),
    path("", include("partway.django.urls")),  # /v1/files…
    path("", include("partway.django.health")),
    path("admin/", admin.site.urls),
]
