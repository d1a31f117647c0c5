"""`manage.py partway_cleanup`: upkeep from cron or by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from partway.core.blocking import run_straight
from partway.django.stories import stories
from partway.django.tasks import run_upkeep
from partway.errors import PartwayError


class Command(BaseCommand):
    """End what nobody looks after any more."""

    help = "Give up expired uploads, finish what a crash left, remove what was deleted for good, empty the trash."

    def add_arguments(self, parser: Any) -> None:
        """Add the one flag."""
        parser.add_argument("--dry-run", action="store_true", help="only count what there is to do")

    def handle(self, *, dry_run: bool, **_: Any) -> None:
        """Do it, and say what was done.

        Raises:
            CommandError: the database does not answer, or the store did not let everything be done.
        """
        try:
            done = _look() if dry_run else run_upkeep()
        except PartwayError as error:
            raise CommandError(error.detail) from error
        for name, count in done.items():
            if count:
                self.stdout.write(f"{count:8,}  {name}")
        if not any(done.values()):
            self.stdout.write("nothing to do")
        if failed := done["failed"]:
            raise CommandError(f"{failed} files could not be looked after; the next run tries again.")


def _look() -> dict[str, int]:
    report = run_straight(stories().upkeep.look())
    return {name: getattr(report, name) for name in report.__slots__}
