"""Many keys at once over real sockets: each its own run, once, and nobody another's."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from turnwise.servers.client.server_process import ServerProcess

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks" / "hosted"))

import thousand_keys


def test_keys_that_open_runs_at_the_same_moment_get_one_each_and_see_their_own(tmp_path: Path) -> None:
    arguments = thousand_keys.write(tmp_path / "hosted", num_keys=25, tasks=1, solo=1)
    with ServerProcess(arguments) as server:
        figures = asyncio.run(thousand_keys.measured(server, 25))
    assert figures["steps"] == 25 * thousand_keys.TURNS
    assert set(figures["wrong"].values()) == {0} and len(figures["wrong"]) == 5
