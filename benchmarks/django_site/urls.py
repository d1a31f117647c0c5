"""Both apps' URLs."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("partway.django.urls")),
    path("s3-upload/", include("s3_file_field.urls")),
]
