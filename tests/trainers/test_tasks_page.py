"""The chooser and the credit method of docs/tasks.md, word for word, inside one short run; and its names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from turnwise.errors import UsageError
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.rollouts import choosers
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tasks.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def test_the_page_is_a_chooser_and_a_method(
    lights: Callable[..., Recipe], lights_file: Path, tmp_path: Path
) -> None:
    files = [tmp_path / "neglected.py", tmp_path / "above_record.py"]
    for file, block in zip(files, BLOCKS, strict=True):
        assert len(block.splitlines()) <= 24
        file.write_text(block)
    recipe = lights(
        parts={"files": [str(file) for file in files]},
        env={"id": f"{lights_file}:Lights", "num_tasks": 6},
        rollout={"num_groups": 4, "group_size": 4, "chooser": {"name": "neglected"}},
        credit={"name": "above_record", "keep": 0.5},
        train={"num_updates": 2, "save_every": 1},
        eval={"episodes": 0},
    )
    run = tmp_path / "run"
    train(recipe, run)
    first, second = read_log(run)
    # two tasks of eight members each, then two others
    assert (first["choosing/groups"], first["choosing/members_max"]) == (2.0, 8.0)
    assert (first["tasks/never"], second["tasks/never"]) == (4 / 6, 2 / 6)
    assert (first["credit/records"], second["credit/records"]) == (2.0, 4.0)
    folder = checkpoint.latest(run / "checkpoints")
    assert len(json.loads((folder / "credit.json").read_text())["best"]) == 4
    (tasks,) = json.loads((folder / "tasks.json").read_text()).values()
    assert sum(tasks["own"]["times"]) == 4.0
    with pytest.raises(UsageError, match="credit 'above_record' goes by what is remembered of each task"):
        train(lights(parts=recipe_parts(files), credit={"name": "above_record"}), tmp_path / "none")


def recipe_parts(files: list[Path]) -> dict[str, list[str]]:
    return {"files": [str(file) for file in files]}


def test_every_chooser_stands_on_the_page() -> None:
    shipped = [
        name
        for name in choosers.names()
        if str(choosers.get(name).function.__module__).startswith("turnwise.")
    ]
    assert [name for name in shipped if f"| `{name}` |" not in PAGE] == []
