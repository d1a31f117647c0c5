"""The Django project's settings, with what Celery's beat does every hour done every second."""

from config.settings import *  # noqa: F403
from config.settings import CELERY_BEAT_SCHEDULE as _HOURLY

CELERY_BEAT_SCHEDULE = {name: {**entry, "schedule": 1.0} for name, entry in _HOURLY.items()}
