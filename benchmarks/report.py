"""Writes results into docs/benchmarks.md, each into its own section."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from benchmarks.harness import Result

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write_section(name: str, result: Result) -> None:
    """Replace the section of a benchmark on the page, or add it at its end."""
    text = PAGE.read_text() if PAGE.exists() else "# Benchmarks\n"
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    section = f"{begin}\n\n## {result.title}\n\n{result.markdown()}\n\n{_machine()}\n\n{end}"
    if begin in text:
        head, _, rest = text.partition(begin)
        text = head + section + rest.partition(end)[2]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    PAGE.write_text(text)


def _machine() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    model = found[1] if found else platform.machine()
    return f"Measured on {os.cpu_count()} cores of {model}, Linux, Python {platform.python_version()}."
