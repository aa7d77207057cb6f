"""Server and client killed with SIGKILL: each hosted run ends with the score that its journal says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnwise.servers.sessions.journal.format import notes_of, open_reader

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "examples"
sys.path.insert(0, str(ROOT / "benchmarks" / "hosted"))

import chaos  # noqa: E402


def test_runs_survive_kills_of_server_and_client_with_their_score(tmp_path: Path) -> None:
    found = chaos.play(tmp_path, num_runs=2, num_kills=3, seed=1)
    assert found.problems == []
    assert found.runs == 2 and found.kills_of_server >= 1


def played(folder: Path, python: str, example: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Play a run by an example of the documentation; return what came of it, and the server's log."""
    server = chaos.Server(folder)
    chaos.prepare(folder)
    server.start()
    try:
        done = subprocess.run(
            [python, "-W", "error", str(EXAMPLES / example), f"http://127.0.0.1:{server.port}", "chaos"],
            env={**os.environ, "TURNWISE_KEY": chaos.SECRET, "no_proxy": "*"},
            capture_output=True,
            text=True,
        )
    finally:
        server.kill()
    assert done.returncode == 0, done.stderr
    return done, (folder / "server.log").read_text()


def test_the_example_plays_a_run_with_the_standard_library(tmp_path: Path) -> None:
    done, _ = played(tmp_path, sys.executable, "play_hosted.py")
    record = json.loads(done.stdout)["record"]
    assert record["measured"]["finished"] == 6 and record["declared"]["agent"] == "first action"


@pytest.mark.openenv
def test_the_example_plays_a_run_with_openenvs_own_client(tmp_path: Path, its_python: str) -> None:
    done, log = played(tmp_path, its_python, "play_openenv.py")
    journal = open_reader(tmp_path / "runs.db")
    (record,) = [document["record"] for _, kind, document in notes_of(journal) if kind == "record"]
    journal.close()
    assert record["run"] == done.stdout.strip() and record["declared"]["agent"] == "first action"
    assert record["measured"]["finished"] == 6 and record["measured"]["closed"] == "done"
    assert chaos.SECRET not in log
