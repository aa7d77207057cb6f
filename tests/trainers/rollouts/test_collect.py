"""Choosers, plans, samplers, annotators and horizons inside a run.

1. A run with all of them, resumed, equals the uninterrupted one bit for bit, with what samplers, the
   chooser (whose groups differ in size) and the credit remember.
   What an update that failed had found out is not kept.
2. It is the same run with the environments behind HTTP.
3. The first ratio is 1 on fresh turns, whatever is replayed beside them.
4. igpo trains on generated questions with the annotator that scores gold answers.
5. What cannot work is refused before anything is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from turnwise.agents.tiny.checkpoint import load_model
from turnwise.agents.trajectories import read_trajectories
from turnwise.agents.types import Trajectory
from turnwise.errors import TrainingError, UsageError
from turnwise.trainers import credit
from turnwise.trainers.credit import Credit, TurnTable
from turnwise.trainers.recipe import Recipe, load
from turnwise.trainers.rollouts import choosers
from turnwise.trainers.rollouts.choosers import Asked, Chosen
from turnwise.trainers.rollouts.samplers.memory import load_states
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.runs.remembered import Remembered
from turnwise.trainers.train import train

Lights = Callable[..., Recipe]
CLOCKS = ("seconds", "step_time", "_per_s")
EVERYTHING: dict[str, dict[str, Any]] = {
    "rollout": {
        "num_groups": 4,
        "group_size": 4,
        "horizon": {"name": "growing", "start": 2, "every": 1, "add": 1},
    },
    "plan": {"name": "tree", "turns": [0, 1]},
    "sampling": {
        "steps": [
            {"name": "replay"},
            {"name": "dynamic", "max_rounds": 2},
            {"name": "variance", "share": 0.75},
        ]
    },
    "optim": {"old_logprobs": "behaviour", "learning_rate": 3e-3},
    "loss": {"terms": [{"name": "llds"}]},
    "log": {"trajectories": "all"},
    "eval": {"episodes": 0},
}


EASY = """

class Easy(Lights):
    def step(self, action):
        text, _, terminated, truncated, info = super().step(action)
        won = terminated and self.right >= 2
        return text, float(won), terminated, truncated, {**info, "won": won}
"""


@pytest.fixture
def everything(lights: Lights, lights_file: Path) -> Lights:
    """Return a maker of recipes with every part, on a game that is won by two right buttons of three."""
    lights_file.write_text(lights_file.read_text() + EASY)

    def make(**changes: dict[str, Any]) -> Recipe:
        tables = {**EVERYTHING, "train": {"num_updates": 4, "save_every": 2, "seed": 2}}
        tables["env"] = {"id": f"{lights_file}:Easy", "num_tasks": 6}
        for name, table in changes.items():
            tables[name] = {**tables.get(name, {}), **table}
        return lights(**tables)

    return make


def figures(run: Path) -> list[dict[str, Any]]:
    """Return the log without what a clock decides."""
    return [
        {
            key: value
            for key, value in entry.items()
            if not key.startswith("time/") and not any(clock in key for clock in CLOCKS)
        }
        for entry in read_log(run)
    ]


def last(run: Path) -> checkpoint.Saved:
    return checkpoint.load(checkpoint.latest(run / "checkpoints"))


def vars_of(state: Remembered) -> dict[str, Any]:
    """Return the columns of what is remembered of the tasks of the only environment."""
    (memory,) = state.tasks.values()
    names = ("episodes", "told", "won", "returns", "turns", "update")
    return {name: getattr(memory, name) for name in names} | dict(memory.own)


def remembered(run: Path) -> dict[str, dict[str, list[Trajectory]]]:
    """Return what the samplers of a run's last checkpoint remember, without what a clock decides."""
    return {
        name: {task: [replace(each, seconds=0.0) for each in kept] for task, kept in state.kept.items()}
        for name, state in load_states(last(run).folder / "samplers").items()
    }


@choosers.register("test_uneven")
def uneven(asked: Asked) -> Chosen:
    """Choose what was chosen least, the first with more members than the last."""
    times = asked.tasks.own.get("times", np.zeros(len(asked.tasks)))
    chosen = asked.best(-times)
    sizes = np.full(len(chosen.tasks), asked.group_size)
    if len(sizes) > 1:
        sizes[0], sizes[-1] = asked.group_size + 2, asked.group_size - 2
    times = times + np.bincount(chosen.tasks, minlength=len(times))
    return Chosen(chosen.tasks, sizes, {"times": times})


@credit.register("test_remembering", state={"batches": 0, "returns": {}})
def remembering(table: TurnTable, state: dict[str, Any], *, weight: float = 0.5) -> tuple[Credit, Any]:
    """Compare each return with the last one of its task, and forget a failed update's."""
    tasks = [str(task) for task in table.column("task_seed", "test_remembering").tolist()]
    last_N = np.array([state["returns"].get(task, 0.0) for task in tasks])
    state["returns"] |= dict(zip(tasks, table.episode_return.tolist(), strict=True))
    state["batches"] += 1
    return Credit(table.episode_return - weight * last_N), state


def test_a_resumed_run_equals_the_uninterrupted_one(everything: Lights, tmp_path: Path) -> None:
    straight, parted = tmp_path / "straight", tmp_path / "parted"
    own = {"rollout": {"chooser": {"name": "test_uneven"}}, "credit": {"name": "test_remembering"}}
    train(everything(**own), straight)
    train(everything(**own, train={"num_updates": 3}), parted)
    train(everything(**own), parted, resume=True)
    log = figures(straight)
    assert figures(parted) == log
    one, two = (load_model(last(run).policy).state_dict() for run in (straight, parted))
    assert all(torch.equal(one[name], two[name]) for name in one)
    kept = remembered(straight)
    assert kept == remembered(parted)
    assert list(kept) == ["0-replay", "1-dynamic", "2-variance"]
    # every part has done something, or the run would not show that it is kept
    assert sum(len(each) for each in kept["0-replay"].values()) > 0
    assert sum(entry["sampling/replayed"] for entry in log) > 0
    assert sum(entry["sampling/rounds"] for entry in log) > 0
    assert all(entry["mismatch_max"] <= 1e-5 for entry in log)
    assert all(entry["llds"] >= 0.0 for entry in log)
    assert max(entry["staleness"] for entry in log) > 0
    states = [Remembered.load(last(run).folder) for run in (straight, parted)]
    assert states[0].credit == states[1].credit
    assert states[0].credit.state["batches"] == 4
    one, two = ({name: column.tolist() for name, column in vars_of(state).items()} for state in states)
    assert one == two
    # the chooser knows what it chose: 4 groups an update, and those of refills
    assert sum(one["times"]) > 16
    assert sum(one["episodes"]) == sum(entry["rollout/episodes"] for entry in log)
    assert [entry["choosing/members_max"] for entry in log] == [6.0] * 4
    assert log[0]["tasks/never"] < 1.0
    paths = [straight / f"trajectories/update-{number:06d}.jsonl.gz" for number in (1, 4)]
    longest = [max(len(each.turns) for each in read_trajectories(path)) for path in paths]
    assert [entry["rollout/horizon"] for entry in log] == [2.0, 3.0, 4.0, 4.0]
    assert longest == [2, 3]  # a horizon of 2, then the whole game


@credit.register("test_failing", state={"batches": 0})
def failing(table: TurnTable, state: dict[str, Any]) -> tuple[Credit, dict[str, Any]]:
    """Count batches, and fail at the second one when the count has been changed."""
    state["batches"] += 1
    if state["batches"] == 2:
        raise TrainingError("the second batch is refused")
    return Credit(table.episode_return.copy()), state


def test_what_a_failed_update_learned_is_forgotten(lights: Lights, lights_file: Path, tmp_path: Path) -> None:
    recipe = lights(
        env={"id": f"{lights_file}:Lights", "num_tasks": 4},
        warmstart={"episodes": 2},
        rollout={"num_groups": 2, "group_size": 3, "chooser": {"name": "test_uneven"}},
        credit={"name": "test_failing"},
        train={"num_updates": 2, "save_every": 1, "allow_single": True},
        eval={"episodes": 0},
    )
    with pytest.raises(TrainingError, match="the second batch is refused"):
        train(recipe, tmp_path / "run")
    saved = last(tmp_path / "run")
    kept = Remembered.load(saved.folder)
    assert (saved.update, kept.credit.state) == (1, {"batches": 1})
    (tasks,) = kept.tasks.values()
    assert (int(tasks.episodes.sum()), float(tasks.own["times"].sum())) == (6, 2.0)


def test_the_same_run_over_http(everything: Lights, tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    short = {"train": {"num_updates": 2}}
    train(everything(**short), near)
    train(everything(**short, server={"spawn": True}), far)
    assert figures(far) == figures(near)
    one, two = (
        [
            (each.name, each.parent, each.sampled_by, [turn.action for turn in each.turns])
            for each in read_trajectories(run / "trajectories/update-000001.jsonl.gz")
        ]
        for run in (near, far)
    )
    assert one == two
    assert {member for _, _, sampled_by, _ in one for member in sampled_by} > {0}
    assert all(size == 4 for size in Counter(name.partition("#")[0] for name, *_ in one).values())


def test_igpo_trains_on_generated_questions(tmp_path: Path) -> None:
    recipe = load(
        "tiny",
        [
            "env.id=search/generated-v1",
            "env.kwargs={choices = true, reward = 'f1'}",
            "policy.vocab_size=300",
            "policy.hidden_size=16",
            "policy.num_layers=1",
            "policy.num_heads=1",
            "policy.num_kv_heads=1",
            "policy.intermediate_size=16",
            "policy.context_tokens=4096",
            "warmstart.teacher=none",
            "warmstart.episodes=4",
            "rollout.num_groups=2",
            "rollout.group_size=3",
            "rollout.max_turns=3",
            "rollout.max_episode_tokens=4096",
            "annotate.steps=[{name = 'gold_prob', before = '<answer>'}]",
            "credit.name=igpo",
            "credit.variant=paper",
            "train.num_updates=2",
            "eval.episodes=0",
            "server.spawn=false",
            "log.console=false",
            "log.trajectories=all",
        ],
    )
    train(recipe, tmp_path / "run")
    first, second = read_log(tmp_path / "run")
    assert first["annotate/gold_prob/failed"] == 0.0
    # both groups: the first prompt is the same for all three, and scored once
    assert first["annotate/gold_prob/cached"] >= 4.0
    assert second["update"] == 2
    assert first["grad_norm"] > 0
    stored = read_trajectories(tmp_path / "run" / "trajectories" / "update-000001.jsonl.gz")
    assert all(0.0 < turn.notes["gold_prob"] < 1.0 for each in stored for turn in each.turns)


def test_without_gold_answers_the_run_stops_with_the_cause(lights: Lights, tmp_path: Path) -> None:
    recipe = lights(
        annotate={"steps": [{"name": "gold_prob"}]}, credit={"name": "igpo"}, eval={"episodes": 0}
    )
    with pytest.raises(TrainingError, match=r"64 of 64 .* could not be annotated.*gave no info"):
        train(recipe, tmp_path / "run")
    assert last(tmp_path / "run").update == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"plan": {"name": "trees"}}, "did you mean 'tree'"),
        ({"plan": {"name": "tree", "turn": [1]}}, "did you mean 'turns'"),
        ({"plan": {"name": "tree"}}, "make 4 leaves; rollout.group_size is 8"),
        ({"plan": {"shared": "twice"}}, "expected one of|did you mean|known"),
        ({"sampling": {"steps": [{"name": "dynamc"}]}}, "did you mean 'dynamic'"),
        ({"sampling": {"steps": [{"max_rounds": 1}]}}, "a sampler with .*has no name"),
        ({"sampling": {"steps": [{"name": "replay"}]}}, "set env.num_tasks"),
        (
            {"sampling": {"steps": [{"name": "replay"}]}, "env": {"num_tasks": 4}},
            "optim.old_logprobs = 'behaviour'",
        ),
        ({"annotate": {"steps": [{"name": "gold"}]}}, "did you mean 'gold_prob'"),
        ({"rollout": {"horizon": {"name": "stages"}}}, "needs turns"),
        ({"rollout": {"chooser": {"name": "varience"}}}, "did you mean 'variance'"),
        ({"rollout": {"chooser": {"name": "variance"}}}, "set env.num_tasks to 1"),
        ({"loss": {"terms": [{"name": "lld"}]}}, "did you mean 'llds'"),
    ],
)
def test_wrong_parts_are_refused_before_anything_is_written(
    lights: Lights, lights_file: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    if "env" in changes:
        changes = {**changes, "env": {"id": f"{lights_file}:Lights", **changes["env"]}}
    with pytest.raises(UsageError, match=message):
        train(lights(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()
