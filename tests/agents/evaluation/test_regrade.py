"""Stored patches judged again: what flips is listed, with a task whose grader is made by hand."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.agents.evaluation import EvalRow
from turnwise.agents.evaluation.regrade import Stored, check, regrade, stored_patches
from turnwise.agents.trajectories import trajectory_path, write_trajectories
from turnwise.agents.types import Trajectory, Turn
from turnwise.envs.sandbox import Spec
from turnwise.envs.swe.environment import SweEnv
from turnwise.envs.swe.episode import Rules
from turnwise.envs.swe.task import Task, Verdict
from turnwise.envs.swe.task_sets import TaskSet
from turnwise.errors import UnknownName, UsageError

TURN = Turn(0, "o", "k", "a", 1.0, "k")


class Counted(Task):
    """A task that is resolved by a file `right`, and counts how often it graded."""

    def __init__(self):
        self.id, self.instruction, self.spec, self.metadata, self.graded = "t", "", Spec(), {}, 0

    async def prepare(self, box): ...
    async def test(self, box): ...

    async def grade(self, backend, patch, *, box=None):
        self.graded += 1
        if patch.get("right") == b"no space":
            return Verdict(outcome=None, reward=None, cause="no space")
        right = patch.get("right") == b"yes"
        return Verdict(outcome="resolved" if right else "tests_failed", reward=float(right))

    def gold(self):
        return {"right": b"yes"}


def episode(seed: int, success: bool, patch: dict) -> Trajectory:
    return Trajectory(
        "e", "t", seed, f"g{seed}", (TURN,), "terminated", success=success, score=float(success), patch=patch
    )


EPISODES = [
    episode(0, True, {"right": "yes"}),
    episode(1, False, {"right": "yes"}),  # was refused, is accepted now
    episode(2, True, {"right": "no"}),  # was accepted, is refused now
    episode(3, False, {"right": "no"}),
    episode(4, False, {}),
    episode(5, True, {"right": "no space"}),
]


def folders(tmp_path):
    """Return a folder of an evaluation and one of a run, with the same episodes."""
    evaluation, run = tmp_path / "evaluation", tmp_path / "run"
    evaluation.mkdir()
    rows = [json.dumps(EvalRow.of(one).document()) for one in EPISODES]
    (evaluation / "rows.jsonl").write_text("\n".join(rows) + "\n")
    write_trajectories(trajectory_path(run, 0), EPISODES[:4])
    write_trajectories(trajectory_path(run, 1), EPISODES[4:])
    return evaluation, run


def test_flips_are_listed_and_equal_patches_are_judged_once(tmp_path):
    for folder in folders(tmp_path):
        task = Counted()
        found = asyncio.run(regrade(stored_patches(folder), TaskSet.of("s", [task]), None))
        assert (len(found.graded), found.without, task.graded) == (5, 1, 3)
        assert [(row.stored.seed, row.verdict.outcome) for row in found.flips] == [
            (1, "resolved"),
            (2, "tests_failed"),
        ]
        document = found.document()
        assert (document["unscored"], document["resolution"]) == (1, 0.5)
        assert document["flips"][0]["was"] == {"success": False, "score": 0.0}
        assert found.flips[1].line == "t (seed 2): was resolved, is tests failed"


def test_a_reward_that_differs_is_a_flip_too():
    stored = Stored("t", 0, True, 0.5, {"right": "yes"}, "")
    found = asyncio.run(regrade([stored, replace(stored, score=1.0)], TaskSet.of("s", [Counted()]), None))
    assert [row.flipped for row in found.graded] == [True, False]


def test_what_cannot_be_graded_is_said(tmp_path):
    with pytest.raises(UsageError, match=r"holds neither rows.jsonl of an evaluation nor"):
        list(stored_patches(tmp_path))
    (tmp_path / "rows.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match="line 1: is not a row"):
        list(stored_patches(tmp_path))
    with pytest.raises(UnknownName, match="unknown task 'other'"):
        check([Stored("other", 0, True, 1.0, {"right": "yes"}, "")], TaskSet.of("s", [Counted()]))
    foreign = Stored("other", 0, True, 1.0, {"right": "yes"}, "")
    with pytest.raises(UnknownName, match="unknown task 'other'"):
        asyncio.run(regrade([foreign], TaskSet.of("s", [Counted()]), None))


def test_tasks_of_several_steps_are_refused_before_anything_runs_unless_there_are_others():
    stepped, whole = Counted(), Counted()
    stepped.id, stepped.steps = "two", (Counted(), Counted())
    tasks, patch = TaskSet.of("s", [stepped, whole]), {"right": "yes"}
    of_steps, other = Stored("two", 0, True, 1.0, patch, ""), Stored("t", 0, True, 1.0, patch, "")
    with pytest.raises(UsageError, match=r"^two: a task of several steps cannot be graded again: .* play it"):
        check([of_steps, of_steps, Stored("t", 1, False, 0.0, {}, "")], tasks)
    check([of_steps, other], tasks)


def test_a_run_without_episodes_or_without_patches_says_so(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no episode was kept yet, so there is nothing to grade; play some"):
        check([], TaskSet.of("s", [Counted()]))
    settings = {"environment": "swe/tasks-v0", "kwargs": {}}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    (tmp_path / "rows.jsonl").write_text("")
    monkeypatch.setattr("turnwise.envs.registry.make", lambda *_, **__: made())
    done = CliRunner().invoke(app, ["regrade", str(tmp_path)])
    assert isinstance(done.exception, UsageError) and "no episode was kept yet" in str(done.exception)
    (tmp_path / "rows.jsonl").write_text(json.dumps(EvalRow.of(EPISODES[4]).document()) + "\n")
    done = CliRunner().invoke(app, ["regrade", str(tmp_path)])
    assert done.output.splitlines() == [
        "no episode kept a patch: nothing was graded",
        "patches graded: 0, flipped: 0, unscored: 0; episodes that kept no patch: 1",
    ]


def made():
    """Return an environment of one task, as `make` would, without a backend."""
    return nullcontext(SimpleNamespace(unwrapped=SweEnv(TaskSet.of("s", [Counted()]), Rules(), None)))


def test_the_command_says_what_is_not_there(tmp_path):
    done = CliRunner().invoke(app, ["regrade", str(tmp_path / "gone")])
    assert isinstance(done.exception, UsageError) and "gone: no such file or folder" in str(done.exception)
