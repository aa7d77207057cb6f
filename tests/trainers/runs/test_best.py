"""The best checkpoint: which evaluation wins, and that one is there at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnwise.agents.policies.places import policy_folder
from turnwise.errors import CheckpointError
from turnwise.trainers.runs.best import Chosen, best_of, keep_best


def saver(word: str):
    def save(folder: Path) -> None:
        (folder / "config.json").write_text(word)

    return save


def kept(run: Path) -> str:
    return (policy_folder(run) / "config.json").read_text()


@pytest.mark.parametrize(
    ("evaluations", "best"),
    [
        ([(0.5, 0.1), (0.8, 0.1), (0.7, 0.9)], 1),  # the highest success, whatever it returned
        ([(0.5, 0.1), (0.8, 0.3), (0.8, 0.2)], 2),  # of equals the later
        ([(None, -3.0), (None, -1.0), (None, -2.0)], 1),  # the mean return where success is unknown
        ([(float("nan"), 1.0), (float("nan"), 2.0)], 1),
    ],
)
def test_the_best_evaluation_is_kept(tmp_path: Path, evaluations, best: int) -> None:
    for update, (rate, reward) in enumerate(evaluations):
        figures = {"eval/success_rate": rate, "eval/reward": reward}
        keep_best(tmp_path, Chosen.of(update, figures), saver(f"policy {update}"))
    assert kept(tmp_path) == f"policy {best}"
    found = best_of(tmp_path)
    assert found is not None and found.update == best
    assert [path.name for path in (tmp_path / "best").iterdir()] == [f"update-{best:06d}"]


def test_a_save_that_fails_leaves_the_former_best(tmp_path: Path) -> None:
    def full_disk(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    keep_best(tmp_path, Chosen(1, 0.5, 0.0), saver("first"))
    with pytest.raises(CheckpointError, match="No space left"):
        keep_best(tmp_path, Chosen(2, 0.9, 0.0), full_disk)
    assert kept(tmp_path) == "first"
    assert best_of(tmp_path) == Chosen(1, 0.5, 0.0)


def test_a_resumed_run_meets_its_own_best_again(tmp_path: Path) -> None:
    """It was killed after update 4, whose evaluation was the best, and goes on from update 2."""
    keep_best(tmp_path, Chosen(4, 0.9, 0.0), saver("best"))
    assert not keep_best(tmp_path, Chosen(2, 0.4, 0.0), saver("worse"))
    assert keep_best(tmp_path, Chosen(4, 0.9, 0.0), saver("the same again"))
    assert kept(tmp_path) == "best"
    assert keep_best(tmp_path, Chosen(4, 0.95, 0.0), saver("on a machine that computes otherwise"))
    assert kept(tmp_path) == "on a machine that computes otherwise"
