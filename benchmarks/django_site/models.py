"""A model with a file of django-s3-file-field's."""

from __future__ import annotations

from django.db import models
from s3_file_field import S3FileField


class Thing(models.Model):
    """Something that has a file."""

    blob = S3FileField()

    def __str__(self) -> str:
        return str(self.blob)
