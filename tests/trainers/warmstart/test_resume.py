"""A cloning that is interrupted goes on, and comes to the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from turnwise.errors import CheckpointError
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.warmstart import resume
from turnwise.trainers.warmstart.warmstart import warm_start

Lights = Callable[..., Recipe]


def interrupt_at(step: int) -> Callable[[str, float], None]:
    """Return a report that presses Ctrl-C at a step of cloning."""
    seen = 0

    def report(text: str, share: float) -> None:
        nonlocal seen
        seen += text.startswith("cloning")
        if seen == step:
            raise KeyboardInterrupt

    return report


@pytest.fixture(params=[0, 4], ids=["cloning", "copying first"])
def recipe(taught: Lights, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Recipe:
    monkeypatch.setattr(resume, "EVERY_S", 0.0)
    section = {"episodes": 20, "max_steps": 12, "only_won": False, "optimizer": "muon"}
    return taught(warmstart={**section, "copy_steps": request.param})


def test_an_interrupted_cloning_goes_on_to_the_same_bytes(recipe: Recipe, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    warm_start(recipe, whole)
    for step in (5, 3):  # steps 5 and 8: each interruption keeps all whole steps
        with pytest.raises(KeyboardInterrupt):
            warm_start(recipe, broken, interrupt_at(step))
    assert not broken.exists()
    assert len(list(tmp_path.glob(".broken.*.cloning"))) == 1
    steps: list[float] = []
    cloned = warm_start(recipe, broken, lambda text, share: steps.append(share) if "loss" in text else None)
    assert cloned.num_steps == 12
    assert steps == [step / 12 for step in range(8, 12)]
    assert (broken / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_another_recipe_begins_again(recipe: Recipe, taught: Lights, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        warm_start(recipe, tmp_path / "warm", interrupt_at(5))
    other = taught(warmstart={"episodes": 20, "max_steps": 6, "only_won": False, "optimizer": "muon"})
    shares: list[float] = []
    warm_start(other, tmp_path / "warm", lambda text, share: shares.append(share) if "loss" in text else None)
    assert shares[0] == 0.0


def test_what_cannot_be_read_is_said_and_nothing_is_lost(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        warm_start(recipe, tmp_path / "warm", interrupt_at(5))
    (kept,) = tmp_path.glob(".warm.*.cloning")
    kept.write_bytes(kept.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="delete the file to begin again"):
        warm_start(recipe, tmp_path / "warm")
    assert kept.is_file()
