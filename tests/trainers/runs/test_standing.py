"""What is said of a run that was stopped is what is there, also before its first update."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from turnwise.errors import UsageError
from turnwise.trainers import train as training
from turnwise.trainers.recipe import load
from turnwise.trainers.runs.folder import open_run
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.runs.standing import standing


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([], "nothing was made yet that could be kept: give the same command again"),
        (["recipe.toml"], "there is no update yet, and RUN begins again:"),
        (
            ["recipe.toml", ".warmstart.0a.cloning"],
            "goes on with the cloning, kept a minute ago at most:",
        ),
        (["recipe.toml", "warmstart/config.json"], "RUN goes on with the policy that was cloned:"),
        (
            ["recipe.toml", "warmstart/config.json", "checkpoints/update-000012/state.json"],
            "RUN is saved as it was after update 12, and goes on from there:",
        ),
    ],
)
def test_each_stage_is_told_as_it_is(tmp_path: Path, made: list[str], said: str) -> None:
    run = tmp_path / "run"
    for name in made:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("")
    assert said.replace("RUN", str(run)) in standing(run)
    if made:
        with pytest.raises(UsageError, match="nothing is logged yet"):
            read_log(run)


def test_a_folder_that_is_no_run_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected the folder of a run"):
        read_log(tmp_path)


def test_an_interruption_before_anything_was_made_names_no_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt), open_run(run, load("tiny"), resume=False):
        signal.raise_signal(signal.SIGINT)
    assert not run.exists()
    assert str(run) not in standing(run)


def test_all_limits_are_told_and_which_of_them_came_first() -> None:
    train = load("tiny", ["train.num_updates=7", "train.max_seconds=90", "train.target_success=0.9"]).train
    assert training._limits(train) == (
        "7 updates or 90 s of training or 90 % success, whichever comes first, at the end of an update"
    )
    assert training._limits(load("tiny", ["train.num_updates=7", "train.max_seconds=0"]).train) == "7 updates"
