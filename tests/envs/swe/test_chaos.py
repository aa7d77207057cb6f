"""Sessions on real sandboxes while server, keeper and boxes are killed: the benchmark in its short form."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType

import pytest

from turnwise.envs.sandbox import SandboxError, backend_by_name
from turnwise.envs.sandbox.loop import call
from turnwise.files import import_file

FILE = Path(__file__).resolve().parents[3] / "benchmarks/sandbox/chaos.py"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the benchmark with what lies beside it; skip with the reason where there is no sandbox."""
    try:
        call(backend_by_name("namespace"))
    except SandboxError as error:
        pytest.skip(f"no namespace sandbox here: {error}")
    monkeypatch.syspath_prepend(FILE.parent)
    return import_file(FILE, given="the test")


@pytest.mark.sandbox
def test_sessions_survive_and_nothing_is_left(benchmark: ModuleType, tmp_path: Path) -> None:
    plan = benchmark.Plan(sessions=30, at_once=30, turns=3, kills=4, pause=2.0, seed=1)
    report = asyncio.run(benchmark.chaos(plan, benchmark.Namespaces(), tmp_path))
    assert report.wrong == []
    assert sum(report.ends.values()) == 30 and report.ends["whole"] >= 20, report.ends
    assert all(not found for found in report.left.values()), report.left
    assert report.kills == {"keeper": 1, "box": 1, "server": 2} and report.missed == []
