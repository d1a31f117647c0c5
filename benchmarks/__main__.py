"""`python -m benchmarks [NAME…] [--rounds N] [--quick] [--scratch DIR] [--write]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import Settings
from benchmarks.report import PAGE, write_section

NAMES = (
    "signing",
    "initiate",
    "django",
    "presign",
    "large_file",
    "client_cost",
    "small_files",
    "proxied",
    "listing",
    "local_complete",
    "memory",
    "reconcile",
    "hanging",
    "cleanup",
)


def main() -> int:
    """Run the benchmarks and print a table for each. Returns 1 if a goal is missed, but not with --quick."""
    options = _options()
    scratch = Path(options.scratch)
    missed = False
    for name in options.names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        rounds = options.rounds or (1 if options.quick else module.ROUNDS)
        result = module.run(Settings(rounds=rounds, quick=options.quick, scratch=scratch))
        print(result.plain(), end="\n\n", flush=True)
        if options.write:
            write_section(name, result)
        missed = missed or not all(goal.met for goal in result.goals)
    return int(missed and not options.quick)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Partway and its peers, side by side.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *NAMES], help=f"of {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, help="how often each contender is measured")
    parser.add_argument("--quick", action="store_true", help="small sizes and one round: shows that everything runs")
    parser.add_argument("--scratch", default=tempfile.gettempdir(), metavar="DIR", help="for data; such as /dev/shm")
    parser.add_argument("--write", action="store_true", help=f"write the results into {PAGE.name}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
