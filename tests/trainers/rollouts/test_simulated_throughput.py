"""Two engines and one learner that take equal time, simulated: played ahead they are near the ideal of 2."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "staleness"


def test_one_update_ahead_brings_nine_tenths_of_twice_the_throughput(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    measured = importlib.import_module("simulate").measured

    (same, _, fresh), (times, share, behind) = measured((0, 1), 50, seed=1)
    assert same == 1.0 and fresh == 0.0
    assert times >= 1.9
    assert share >= 0.95 and 0.5 < behind < 2.0
