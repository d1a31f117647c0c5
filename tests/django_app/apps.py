"""The project's own app."""

from django.apps import AppConfig


class TestsConfig(AppConfig):
    """Has the user model."""

    name = "tests.django_app"
    label = "tests_app"
