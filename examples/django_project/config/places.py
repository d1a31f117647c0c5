"""Where the project keeps what it must not lose."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def database(url: str | None, folder: Path) -> dict[str, Any]:
    """An entry of `DATABASES`: the PostgreSQL that a URL names, or else SQLite in a folder."""
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(folder / "db.sqlite3"),
            "OPTIONS": {"timeout": 30},  # seconds that a writer waits for another
        }
    found = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": found.path.removeprefix("/"),
        "HOST": found.hostname or "",
        "PORT": found.port or "",
        "USER": unquote(found.username or ""),
        "PASSWORD": unquote(found.password or ""),
    }


def kept_secret(path: Path) -> str:
    """A secret that is made once and then read from its file: sessions, tokens and URLs outlive a restart."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()
