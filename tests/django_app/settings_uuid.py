"""The project with users of its own, whose ids are UUIDs."""

from tests.django_app.settings import *  # noqa: F403
from tests.django_app.settings import INSTALLED_APPS, MIGRATION_MODULES

AUTH_USER_MODEL = "members.Member"
INSTALLED_APPS = [*INSTALLED_APPS, "tests.django_app.members"]
MIGRATION_MODULES = {**MIGRATION_MODULES, "members": None}
