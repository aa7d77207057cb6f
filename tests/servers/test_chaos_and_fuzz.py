"""The long scripts in their short mode; their dated results lie in benchmarks/results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "serving"

pytestmark = pytest.mark.slow


def run(script: str, *arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_chaos():
    result = run("chaos.py", "--episodes", "96", "--kills", "4")
    assert sum(result["kills"].values()) == 4
    assert set(result["faults"]["duplicate"]) >= {"create", "reset", "step"}


def test_fuzz():
    result = run("fuzz.py", "--requests", "2000")
    assert result["statuses"]["200"] > 50


def test_worlds():
    result = run("worlds.py", "--sessions", "40")
    assert result["episodes_that_differ"] == 0
    assert set(result["won"].values()) == {result["sessions_of_each"]} == {10}
