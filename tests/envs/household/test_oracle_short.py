"""A short part of the comparison with the original engine; the whole of it is a script in benchmarks/."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnwise.envs.household.game import TASK_TYPES

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "benchmarks" / "household"
SHORT = ("--games", "6", "--bent", "4", "--steps", "18", "--no-result")


def oracle() -> Path:
    named = os.environ.get("TURNWISE_ORACLE")
    python = Path(named) if named else ROOT / ".oracle" / "bin" / "python"
    if not python.exists():
        pytest.skip("the original engine is not installed: make oracle, or TURNWISE_ORACLE=its python")
    return python


@pytest.fixture
def differential(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    spec = importlib.util.spec_from_file_location("differential", SCRIPTS / "differential.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "differential", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.oracle
def test_every_reply_equals_the_original(benchmark_data):
    oracle()
    done = subprocess.run(
        [sys.executable, SCRIPTS / "oracle_diff.py", *SHORT],
        capture_output=True, text=True, timeout=280, cwd=ROOT,
        env={**os.environ, "TURNWISE_DATA": str(benchmark_data)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 differences" in done.stdout
    assert all(f"| {task} | 1 |" in done.stdout for task in TASK_TYPES)


def test_the_comparison_notices_every_kind_of_difference(house, differential):
    """Without the original: its replies are those of our own engine, bent one at a time."""
    actions = ["go to countertop 1", "take apple 2 from countertop 1", "fly"]
    replies = differential.replies(house, actions)
    assert differential.compare(house, actions, replies) is None
    for place, what, wrong in (
        (0, "observation", ""),
        (1, "admissible", []),
        (2, "score", 1),
        (3, "won", True),
    ):
        bent = [list(reply) for reply in replies]
        bent[2][place] = wrong
        found = differential.compare(house, actions, bent)
        assert (found.step, found.action, found.what) == (2, actions[1], what)


@pytest.mark.parametrize("kind", ["random", "expert", "adversarial"])
def test_sequences_are_the_same_each_time(house, differential, kind):
    actions = differential.sequence(house, kind, 3, 30)
    assert actions == differential.sequence(house, kind, 3, 30)
    assert actions != differential.sequence(house, kind, 4, 30)
    refused = sum(reply[0] == "Nothing happens." for reply in differential.replies(house, actions)[1:])
    assert (refused > 5) == (kind == "adversarial")
