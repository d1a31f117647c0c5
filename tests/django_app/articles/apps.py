"""The app as Django knows it."""

from django.apps import AppConfig


class ArticlesConfig(AppConfig):
    """Has models with references to files."""

    name = "tests.django_app.articles"
    label = "articles"
