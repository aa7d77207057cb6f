"""Server and client killed with SIGKILL: each hosted run ends with the score that its journal says."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "benchmarks" / "hosted"))

import chaos  # noqa: E402


def test_runs_survive_kills_of_server_and_client_with_their_score(tmp_path: Path) -> None:
    found = chaos.play(tmp_path, num_runs=2, num_kills=3, seed=1)
    assert found.problems == []
    assert found.runs == 2 and found.kills_of_server >= 1
