"""Fails unless pyproject.toml, the package and the newest entry of CHANGELOG.md name one version."""

import re
import sys
import tomllib
from pathlib import Path

root = Path(__file__).parent.parent
versions = {
    "pyproject.toml": tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"],
    "src/partway/__init__.py": re.findall(r'__version__ = "(.+)"', (root / "src/partway/__init__.py").read_text())[0],
    "CHANGELOG.md": re.findall(r"^## (\d+\.\d+\.\d+)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)[0],
}
if len(set(versions.values())) != 1:
    sys.exit(f"The versions differ: {versions}")
