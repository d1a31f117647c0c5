"""The URLs of the project that the tests run."""

from django.urls import include, path

urlpatterns = [path("", include("partway.django.urls")), path("", include("partway.django.health"))]
handler404 = "partway.django.answers.not_found"
