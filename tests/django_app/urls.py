"""The URLs of the project that the tests run."""

from __future__ import annotations

from functools import partial

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import include, path, re_path

urlpatterns = [
    path("admin/", admin.site.urls),
    re_path(r"^static/(?P<path>.*)$", partial(serve, insecure=True)),  # what a web server does elsewhere
    path("", include("partway.django.urls")),
    path("", include("partway.django.health")),
    path("", include("partway.django.docs")),
    path("", include("tests.django_app.articles.urls")),
]
handler404 = "partway.django.answers.not_found"
