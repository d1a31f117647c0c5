"""Projects know their users by numbers, by UUIDs or, as in all other tests here, by names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("kind", ["integer", "uuid"])
def test_files_are_their_users(kind: str, tmp_path: Path) -> None:
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": f"tests.django_app.settings_{kind}",
        "TEST_DATABASE_URL": "sqlite:///:memory:",
        "TEST_MEDIA_ROOT": str(tmp_path),
        "PYTHONWARNINGS": "error",
    }
    story = [sys.executable, "-m", "tests.django_app.users_story"]
    done = subprocess.run(story, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
