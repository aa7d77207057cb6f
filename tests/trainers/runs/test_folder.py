"""The folder of a run that an earlier version has begun."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from turnwise.errors import CheckpointError, UsageError
from turnwise.trainers import recipe
from turnwise.trainers.reports.report import summarise, write_report
from turnwise.trainers.runs.folder import open_run

RESULTS = Path(__file__).resolve().parents[3] / "benchmarks" / "results"
NAME = "worlds-calling_tiny-1"


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    """Return a run folder with a recipe and a log as they were recorded before parts were one type."""
    run = tmp_path / "old"
    run.mkdir()
    (run / "recipe.toml").write_text((RESULTS / f"{NAME}.recipe.toml").read_text())
    (run / "log.jsonl").write_bytes(gzip.decompress((RESULTS / f"{NAME}.log.jsonl.gz").read_bytes()))
    return run


def test_a_run_of_before_opens_in_the_report(old_run: Path) -> None:
    assert write_report(old_run).is_file()
    assert summarise(old_run)["last"]["success_rate"] > 0


def test_a_run_of_before_is_not_resumed_and_the_cause_is_said(old_run: Path) -> None:
    before = (old_run / "recipe.toml").read_text()
    assert "params = {" in before
    with (
        pytest.raises(UsageError, match=r"begun by an earlier version, whose recipes wrote .*\.params"),
        open_run(old_run, recipe.load("calling_tiny"), resume=True),
    ):
        pass
    assert (old_run / "recipe.toml").read_text() == before


@pytest.mark.parametrize("existed", [False, True])
def test_a_run_that_fails_before_it_has_made_anything_gives_its_folder_free(
    tmp_path: Path, existed: bool
) -> None:
    run = tmp_path / "run"
    if existed:
        run.mkdir()
    with pytest.raises(CheckpointError), open_run(run, recipe.load("tiny"), resume=False):
        (run / "parts").mkdir()
        raise CheckpointError("there is no such policy")
    assert run.exists() is existed and not list(tmp_path.rglob("*.toml"))
    with open_run(run, recipe.load("tiny", ["train.seed=1"]), resume=False):
        (run / "log.jsonl").write_text("")
    with pytest.raises(KeyboardInterrupt), open_run(run, recipe.load("tiny", ["train.seed=1"]), resume=True):
        raise KeyboardInterrupt
    assert (run / "recipe.toml").is_file()  # what was made stays
