"""Who signs: an access key, its secret, and how long both live."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """One set of keys. The secret stays out of `repr`, and so out of logs."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires: datetime | None = None  #: when temporary credentials die, aware; None: never

    def lifetime_at_most(self, seconds: int, *, now: datetime) -> int:
        """How long a URL signed now really lives, if `seconds` are asked for: never longer than the credentials."""
        if self.expires is None:
            return seconds
        return max(0, min(seconds, int((self.expires - now).total_seconds())))
