"""What answers the files API: the service, or a Django project with the app in it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tests.django_app.server import DjangoServer
from tests.servers.service import Service

DJANGO = "TEST_FRONT"  #: set among a stack's settings, it asks for the project


class Front(Protocol):
    """Something that answers."""

    @property
    def url(self) -> str:
        """Where it listens."""
        ...


def front(data_dir: Path, *, env: Mapping[str, str]) -> AbstractContextManager[Front]:
    """The front that a stack's settings ask for, running."""
    return DjangoServer(data_dir, env=env) if DJANGO in env else Service(data_dir, env=env)
