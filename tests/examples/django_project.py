"""The Django project of the examples, as a process, and what else stands on its data."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.api import Api
from tests.examples.conftest import bucket_environment
from tests.examples.process import ROOT, Example, clean_environment
from tests.servers.postgres import PostgresServer
from tests.servers.seaweedfs import SeaweedFS

FOLDER = ROOT / "examples" / "django_project"


@dataclass(frozen=True)
class Project:
    """The project, running."""

    example: Example
    env: Mapping[str, str]  #: what the project's own commands need to stand on the same data

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.example.url

    @property
    def token(self) -> str:
        """The token that it printed when it started."""
        (found,) = re.findall(r"^token +(\S+)$", self.example.log.read_text(), re.MULTILINE)
        return str(found)

    @property
    def demo(self) -> Api:
        """The API as the demo user sees it."""
        return Api(self.url, self.token)

    def python(self, code: str, *, first: str = "") -> str:
        """What a program of the project's own prints; `first` runs before Django is set up."""
        command = [sys.executable, "-c", f"{first}import django\ndjango.setup()\n{code}"]
        done = subprocess.run(
            command,
            cwd=FOLDER,
            env=clean_environment(self.env),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def on_folder(folder: Path) -> Iterator[Project]:
    """With SQLite and files in one folder, as it comes."""
    with Example("django_project", folder, {}) as example:
        yield Project(example, _own(folder, {}))


@contextmanager
def on_servers(folder: Path, seaweedfs: SeaweedFS, postgres: PostgresServer) -> Iterator[Project]:
    """With PostgreSQL, and a bucket to which its pages may send."""
    env: dict[str, str] = {"DATABASE_URL": postgres.new_database(tcp=True)}
    application = Example("django_project", folder, env)
    bucket = seaweedfs.new_bucket(cors_origins=[application.url])
    env |= bucket_environment(seaweedfs, bucket)
    with application as example:
        yield Project(example, _own(folder, env))


def _own(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The environment as Django's own commands read it."""
    names = {"S3_BUCKET_NAME": "AWS_STORAGE_BUCKET_NAME", "S3_ENDPOINT_URL": "AWS_S3_ENDPOINT_URL"}
    own = {names.get(name, name): value for name, value in env.items()}
    return {"DJANGO_SETTINGS_MODULE": "config.settings", "EXAMPLE_DATA_DIR": str(folder / "data"), **own}
