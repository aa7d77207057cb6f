"""Runs whose samplers help: resumed they equal the uninterrupted ones, and their figures show the help.

1. Groups that fail begin again behind the expert's first turn, and further ones in states of successes.
2. What was given is no target: the first ratio is 1 on all that is learned from.
3. Success in the log is that of episodes that nobody helped.
4. A program that plays the episodes cannot be helped, and an environment without an expert cannot help.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from turnwise.agents.tiny.checkpoint import load_model
from turnwise.agents.trajectories import read_trajectories
from turnwise.errors import UsageError
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.rollouts.samplers.memory import load_states
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train, validate

Lights = Callable[..., Recipe]
CLOCKS = ("seconds", "step_time", "_per_s", "time/")
STEPS = [
    {"name": "scaf_grpo", "exempt": 1, "stages": ["steps"], "parts": 1},
    {"name": "ghpo", "shares": [0.3], "given": "turns"},
    {"name": "dr_po", "share": 0.5},
]


def help_of(taught: Lights, num_updates: int, checkpoint: str = "") -> Recipe:
    return taught(
        policy={"checkpoint": checkpoint},
        rollout={"num_groups": 4, "group_size": 3},
        sampling={"steps": STEPS},
        warmstart={"episodes": 20, "slip": 0.6, "teach_slips": True},  # groups are won and lost
        optim={"old_logprobs": "behaviour", "learning_rate": 3e-3},
        credit={"name": "grpo"},
        log={"trajectories": "all"},
        eval={"episodes": 0},
        train={"num_updates": num_updates, "save_every": 2, "seed": 2},
    )


def figures(run: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in entry.items() if not any(clock in key for clock in CLOCKS)}
        for entry in read_log(run)
    ]


def last(run: Path) -> checkpoint.Saved:
    return checkpoint.load(checkpoint.latest(run / "checkpoints"))


def test_a_resumed_run_equals_the_uninterrupted_one(taught: Lights, tmp_path: Path) -> None:
    straight, parted = tmp_path / "straight", tmp_path / "parted"
    train(help_of(taught, 3), straight)
    cloned = str(straight / "warmstart")
    train(help_of(taught, 2, cloned), parted)
    train(help_of(taught, 3, cloned), parted, resume=True)
    log = figures(straight)
    assert figures(parted) == log
    one, two = (load_model(last(run).policy).state_dict() for run in (straight, parted))
    assert all(torch.equal(one[name], two[name]) for name in one)
    one_state, two_state = (load_states(last(run).folder / "samplers") for run in (straight, parted))
    assert one_state == two_state
    assert len(one_state["2-dr_po"].values["successes"]) == log[-1]["sampling/stored"] > 0
    # every part has done something, or the run would not show that it is kept
    for name in ("rescued_by_30", "reset"):
        assert sum(entry[f"sampling/{name}"] for entry in log) > 0
    assert all(entry["mismatch_max"] <= 1e-5 for entry in log)
    for number, entry in enumerate(log, start=1):
        chosen = read_trajectories(straight / f"trajectories/update-{number:06d}.jsonl.gz")
        helped = [each for each in chosen if each.aided]
        assert all(not turn.generation.logprobs for each in helped for turn in each.turns[: each.given])
        assert entry["rollout/episodes"] >= len(chosen)
        assert any(each.given for each in helped) == bool(entry["sampling/reset"] or entry["sampling/failed"])
        assert entry["success_rate"] < 1.0  # of those that nobody helped
        won = [each.success for each in chosen if not each.aided]
        assert entry["success_rate"] * 12 == pytest.approx(sum(won))  # whole groups that failed gave way


def test_who_cannot_help_or_be_helped_is_refused(
    lights: Lights, taught: Lights, lights_file: Path, tmp_path: Path
) -> None:
    steps = {"steps": [{"name": "ghpo"}]}
    with pytest.raises(UsageError, match=r"'ghpo' with harness\.command: a program makes its own prompts"):
        validate(taught(sampling=steps, harness={"command": "true"}))
    turns = {"steps": [{"name": "dr_po"}]}
    with pytest.raises(UsageError, match=r"'dr_po' gives turns to episodes, which prompt\.style 'plan'"):
        validate(taught(sampling=turns, prompt={"style": "plan"}))
    with lights_file.open("a") as file:
        file.write("\n\nclass Alone(Lights):\n    no_expert = 'nobody knows the colours'\n")
    with pytest.raises(UsageError, match=r"'ghpo' asks the environment's expert.*nobody knows the colours"):
        validate(lights(sampling=steps, env={"id": f"{lights_file}:Alone"}))
    with pytest.raises(UsageError, match=r"expert shows nothing: .*Lights.*it has no expert"):
        train(lights(sampling=steps, eval={"episodes": 0}), tmp_path / "run")
