"""The benchmark can be read, and each of its environments can be made."""

from __future__ import annotations

from pathlib import Path

import turnwise
from turnwise.servers.benchmarks.file import load

BENCHMARK = load(Path(__file__).with_name("example.toml"))


def test_it_has_ten_tasks() -> None:
    """Count the tasks of a run."""
    assert (BENCHMARK.name, BENCHMARK.num_tasks) == ("example", 10)


def test_its_environments_can_be_made_for_both_splits() -> None:
    """Make each as the server will."""
    for each in BENCHMARK.environments:
        for arguments in (each.hidden, each.public):
            with turnwise.make(each.id, **each.arguments, **arguments) as env:
                assert env.reset(seed=0)[0]
