"""Server and client killed with SIGKILL: each hosted run ends with the score that its journal says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = str(ROOT / "docs" / "examples" / "play_hosted.py")
sys.path.insert(0, str(ROOT / "benchmarks" / "hosted"))

import chaos  # noqa: E402


def test_runs_survive_kills_of_server_and_client_with_their_score(tmp_path: Path) -> None:
    found = chaos.play(tmp_path, num_runs=2, num_kills=3, seed=1)
    assert found.problems == []
    assert found.runs == 2 and found.kills_of_server >= 1


def test_the_example_plays_a_run_with_the_standard_library(tmp_path: Path) -> None:
    server = chaos.Server(tmp_path)
    chaos.prepare(tmp_path)
    server.start()
    try:
        done = subprocess.run(
            [sys.executable, "-W", "error", EXAMPLE, f"http://127.0.0.1:{server.port}", "chaos"],
            env={**os.environ, "TURNWISE_KEY": chaos.SECRET, "no_proxy": "*"},
            capture_output=True,
            text=True,
        )
    finally:
        server.kill()
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)["record"]
    assert record["measured"]["finished"] == 6 and record["declared"]["agent"] == "first action"
