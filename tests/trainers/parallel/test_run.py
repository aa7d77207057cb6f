"""A run of several learners: Ctrl-C saves and ends them all, and another number of them goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from turnwise.trainers.recipe import Recipe, dump

WORLDS = os.environ.get("TURNWISE_LEARNERS", "2").split(",")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "turnwise", "train", *arguments]


def lines(run: Path) -> list[dict[str, object]]:
    """Return the log of a run so far, whole lines."""
    file = run / "log.jsonl"
    return (
        [json.loads(line) for line in file.read_text().splitlines(True) if line.endswith("\n")]
        if file.is_file()
        else []
    )


@pytest.mark.parametrize("world", WORLDS)
def test_ctrl_c_saves_and_another_number_of_learners_goes_on(
    world: str, lights: Callable[..., Recipe], tmp_path: Path
) -> None:
    recipe = lights(
        rollout={"num_groups": 2, "group_size": 4},
        warmstart={"episodes": 1, "max_steps": 0},
        train={"num_updates": 500, "save_every": 500},
        eval={"episodes": 0},
    )
    file, run = tmp_path / "small.toml", tmp_path / "run"
    file.write_text(dump(recipe))
    arguments = (str(file), "--out", str(run), "--set", f"launch.learners={world}")
    process = subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True, start_new_session=True)
    while len(lines(run)) < 2 and process.poll() is None:
        time.sleep(0.1)
    ranks = psutil.Process(process.pid).children()
    assert len(ranks) == int(world) - 1
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, words = process.communicate(timeout=120)
    assert process.returncode == 130, words
    assert "interrupted" in words
    assert not any(rank.is_running() for rank in ranks)
    done = len(lines(run))
    assert (run / "checkpoints" / f"update-{done:06d}" / "manifest.json").is_file()
    for others in ("1", *WORLDS[1:]):
        done += 1
        more = ("--set", f"launch.learners={others}", "--set", f"train.num_updates={done}")
        subprocess.run(command("--resume", "--out", str(run), *more), check=True, timeout=240)
        assert [line["update"] for line in lines(run)] == list(range(1, done + 1))
