"""The project. Where Celery is installed its application is loaded with it, so that tasks know where to go."""

import contextlib

with contextlib.suppress(ModuleNotFoundError):
    from config.celery import app as celery_app  # noqa: F401  # `celery -A config` finds it here
