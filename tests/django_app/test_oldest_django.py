"""The app on the oldest Django that it promises to work with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OVERLAY = Path(sys.prefix) / "django-4.2"  # made by scripts/setup
HERE = "tests/django_app"
#: What stands on Django's database, forms, admin and test client; and of the acceptance tests the way of a file.
CHOSEN = [
    *(f"{HERE}/test_{name}.py" for name in ("admin", "fields", "records", "removal", "serializers", "transactions")),
    *(f"{HERE}/test_{name}.py" for name in ("permissions", "settings", "tables", "user_models")),
    "tests/acceptance/test_uploads.py",
]
WHICH = "not postgresql and not mariadb and not seaweedfs and not (test_uploads and not django-local)"


def test_the_app_works_on_django_4_2() -> None:
    assert OVERLAY.is_dir(), "make setup"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env = {**kept, "PYTHONPATH": str(OVERLAY)}
    version = [sys.executable, "-c", "import django; print(django.__version__)"]
    assert subprocess.run(version, env=env, capture_output=True, text=True, check=True).stdout.startswith("4.2.")
    tests = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *CHOSEN, "-k", WHICH]
    done = subprocess.run(tests, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
