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
    assert set().union(*result["faults"].values()) >= {"create", "reset", "step"}


def test_router_chaos():
    result = run("router_chaos.py", "--episodes", "32", "--events", "3", "--every", "0.5", "--small")
    assert set(result["events"]) >= {"router killed", "server killed"}
    assert result["turns"] >= 256


def test_fuzz():
    result = run("fuzz.py", "--requests", "2000")
    assert result["statuses"]["200"] > 50


def test_fuzz_by_the_openapi_document():
    result = run("fuzz_schema.py", "--examples", "300")
    assert result["operations"] >= 15
    assert result["requests"] > 200
    assert result["statuses"]["200"] > 20


def test_restart():
    result = run("restart.py", "--episodes", "10")
    assert result["altered"]["answer"] == [409, "replay_diverged", {"episode": 0, "turn": 5}]


def test_soak():
    result = run("soak.py", "--minutes", "0.1", "--every", "0.2")
    assert result["turns"] > 500
    assert len(result["median_mb_of_each_tenth"]) == 10


def test_fleet():
    result = run("fleet.py", "--envs", "64", "--turns", "4")
    assert [row["steps"] for row in result["rows"]] == [256, 256, 256]


def test_worlds():
    result = run("worlds.py", "--sessions", "40")
    assert result["episodes_that_differ"] == 0
    assert set(result["won"].values()) == {result["sessions_of_each"]} == {10}
