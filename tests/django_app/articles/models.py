"""Models with references to files: one that may be empty, and one that may not."""

from __future__ import annotations

from django.db import models

from partway.django.fields import UploadedFileField

MIB = 1024 * 1024


class Article(models.Model):
    """Something with a file."""

    title = models.CharField(max_length=100)
    attachment = UploadedFileField(accept=".bin,image/*", max_size=64 * MIB, null=True, blank=True)

    def __str__(self) -> str:
        return self.title


class Picture(models.Model):
    """Something that cannot be without its file."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="pictures")
    image = UploadedFileField(help_text="Its picture.")

    def __str__(self) -> str:
        return str(self.image)
