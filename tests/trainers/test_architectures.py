"""Every recipe takes two updates with a small model of every architecture.

`make test` does so with one recipe for each architecture; `make test-recipes` with all, and writes
a table where TURNWISE_RECIPES_TABLE names a file: the tokens of a message and the length of the
gradient in the second update. Models are random, of two layers, with a chat template of their kind;
recipes are in small (see small_recipes).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from architectures import TEMPLATES, write_model
from small_recipes import OWN_WORLD, small

from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.places import policy_folder
from turnwise.trainers import recipe
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.rollouts.mixture import choices_of
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train

NUM_UPDATES = 2
ONE_EACH = dict(zip(TEMPLATES, ("gigpo", "grpo", "household_grpo", "dapo"), strict=True))
PLAYED = [name for name in recipe.shipped() if not recipe.load(name).offline.required]
Table = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return where the model of each architecture lies."""
    return {kind: write_model(kind, tmp_path_factory.mktemp(kind)) for kind in TEMPLATES}


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Yield what becomes the table, by recipe and architecture; write it where one is asked for."""
    rows: Table = {}
    yield rows
    if (file := os.environ.get("TURNWISE_RECIPES_TABLE")) and rows:
        lines = [f"| recipe | {' | '.join(TEMPLATES)} |", "|---" * (1 + len(TEMPLATES)) + "|"]
        lines += [
            f"| {name} | {' | '.join(cells.get(kind, '-') for kind in TEMPLATES)} |"
            for name, cells in sorted(rows.items())
        ]
        Path(file).write_text("\n".join(lines) + "\n")


def missing(chosen: Recipe) -> list[str]:
    """Return the files and folders that a recipe's environments are given and that are not here."""
    given = [
        value
        for choice in choices_of(chosen.env)
        for value in (*choice.train_kwargs.values(), *choice.eval_kwargs.values())
    ]
    return [path for path in given if isinstance(path, str) and "/" in path and not Path(path).exists()]


def two_updates(name: str, kind: str, model: Path, lights: Path, run: Path) -> dict[str, Any]:
    """Train in small; return the last line of the log."""
    policy = ["policy.kind=transformers", f"policy.checkpoint={model}"]
    chosen = small(name, f"{lights}:Lights", policy, NUM_UPDATES, plain=name in OWN_WORLD)
    if absent := missing(chosen):
        pytest.skip(f"{name} needs data: {', '.join(absent)} not found")
    assert train(chosen, run).update == NUM_UPDATES
    entries = [entry for entry in read_log(run) if entry["kind"] == "update"]
    assert len(entries) == NUM_UPDATES
    trained = TransformersLM.load(str(policy_folder(run)))
    assert type(trained.model).__name__ == f"{kind}ForCausalLM"
    assert recipe.load(str(run / "recipe.toml")) == chosen
    found: dict[str, Any] = entries[-1]
    return found


@pytest.mark.parametrize("kind", TEMPLATES)
def test_an_architecture_trains(
    kind: str, folders: dict[str, Path], lights_file: Path, tmp_path: Path
) -> None:
    entry = two_updates(ONE_EACH[kind], kind, folders[kind], lights_file, tmp_path / "run")
    assert entry["credit/std"] > 0.0
    assert entry["grad_norm"] > 0.0


def marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.sandbox] if name.startswith("swe_") else []


@pytest.mark.recipes
@pytest.mark.parametrize("kind", TEMPLATES)
@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in PLAYED])
def test_a_recipe_trains_an_architecture(
    name: str, kind: str, folders: dict[str, Path], lights_file: Path, tmp_path: Path, table: Table
) -> None:
    cells = table.setdefault(name, {})
    cells[kind] = "failed"
    entry = two_updates(name, kind, folders[kind], lights_file, tmp_path / "run")
    cells[kind] = f"{entry['completions/mean_length']:.0f} tokens, gradient {entry['grad_norm']:.2g}"
