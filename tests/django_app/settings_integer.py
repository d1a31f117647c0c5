"""The project with Django's own users, whose ids are numbers."""

from tests.django_app.settings import *  # noqa: F403

AUTH_USER_MODEL = "auth.User"
