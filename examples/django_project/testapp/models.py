"""Posts and comments. Files are attached to either."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.db import models
from django.urls import reverse

from partway.django.fields import UploadedFileField


def _attachments() -> GenericRelation:
    """The files that are attached to an object, as a relation: `post.attachments.completed()`."""
    return GenericRelation("partway.File", "parent_object_id", "parent_content_type")


class Post(models.Model):
    """Something that somebody has to say."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="posts")
    title = models.CharField(max_length=200)
    body = models.TextField()
    picture = UploadedFileField(accept="image/*", max_size=20 * 1024**2, null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    attachments = _attachments()

    class Meta:
        ordering: ClassVar = ["-created", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Its page."""
        return reverse("post", args=[self.pk])


class Comment(models.Model):
    """What somebody else has to say to it."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comments")
    text = models.TextField()
    created = models.DateTimeField(auto_now_add=True)
    attachments = _attachments()

    class Meta:
        ordering: ClassVar = ["created", "pk"]

    def __str__(self) -> str:
        return self.text[:60]

    def get_absolute_url(self) -> str:
        """Its place on the page of its post."""
        return f"{self.post.get_absolute_url()}#comment-{self.pk}"
