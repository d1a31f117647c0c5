"""The cheapest benchmarks run and say what they found."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["signing", "presign", "proxied", "listing", "local_complete", "reconcile"])
def test_runs_quickly(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--quick", "--scratch", str(tmp_path)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "goal" in done.stdout
    assert not list(tmp_path.iterdir())
