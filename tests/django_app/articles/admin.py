"""The app in the admin, with lines that a page adds."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from tests.django_app.articles.models import Article, Picture


class PictureInline(admin.TabularInline):
    """Pictures on their article's page."""

    model = Picture
    extra = 0


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin):
    """Articles."""

    inlines: ClassVar[list[Any]] = [PictureInline]
