"""A user model of the project's own: people are known by their names alone."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]  # it has one: `partway_files`
    """Somebody."""

    name = models.CharField(max_length=150, primary_key=True)
    full_name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField(default=False)

    objects = BaseUserManager["User"]()
    USERNAME_FIELD = "name"

    def get_full_name(self) -> str:
        """How files show who made them."""
        return self.full_name

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Staff may do everything in the admin."""
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        """And see everything."""
        return self.is_staff


class Post(models.Model):
    """Something that files are attached to."""

    title = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.title


class Note(Post):
    """A post with a table of its own."""

    mood = models.CharField(max_length=100, default="good")


class Draft(Post):
    """A post under another name."""

    class Meta:
        proxy = True


class Comment(models.Model):
    """Something that goes with its post."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="comments")

    def __str__(self) -> str:
        return f"on {self.post}"
