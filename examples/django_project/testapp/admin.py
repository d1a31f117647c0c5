"""Posts and comments in the admin."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from testapp.models import Comment, Post


class CommentInline(admin.StackedInline):
    """Comments beneath their post."""

    model = Comment
    extra = 0


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    """Posts with their comments."""

    list_display: ClassVar = ["title", "author", "created"]
    search_fields: ClassVar = ["title", "body"]
    inlines: ClassVar = [CommentInline]
