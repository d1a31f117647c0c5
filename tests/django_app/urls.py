"""The URLs of the project that the tests run."""

from django.urls import include, path

urlpatterns = [path("", include("partway.django.urls"))]
