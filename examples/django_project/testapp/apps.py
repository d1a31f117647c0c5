"""The project's own app."""

from django.apps import AppConfig


class TestappConfig(AppConfig):
    """Posts and comments."""

    name = "testapp"
    verbose_name = "Blog"
