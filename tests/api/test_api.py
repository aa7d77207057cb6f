"""turnwise from Python: results are those of the commands, in scripts, in running loops and when interrupted.

1. Agents are names, policies and functions; environments are names and classes.
2. A function waits in a running loop too, and Ctrl-C there saves what is kept.
3. A training that is cancelled has saved, and goes on to what it would have come to.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tiny_run import SECONDS

import turnwise
from turnwise.agents.policies import make_policy
from turnwise.agents.types import GenerationRequest
from turnwise.errors import UnknownName, UsageError

SMALL = {**SECONDS, "train.num_updates": 3}


class Doors(turnwise.TextEnv):
    """One of two doors is open; every third task has a third."""

    opened = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        Doors.opened += 1
        self.right = str(self.np_random.choice(["left", "right"]))
        return f"The {self.right} door is open.", self._info()

    def step(self, action):
        won = action == self.right
        return "in" if won else "out", float(won), True, False, {**self._info(), "won": won}

    def close(self):
        Doors.opened -= 1

    def _info(self):
        return {"admissible": ["left", "right"], "instruction": "go in"}


def reads(request: GenerationRequest) -> str:
    return next(action for action in request.admissible or () if action in request.observation)


def test_agents_are_names_policies_and_functions() -> None:
    won = turnwise.evaluate(Doors, reads, episodes=6, seed=3)
    assert (won.success_rate, won.settings["agent"], len(won.rows())) == (1.0, "reads", 6)
    policy = make_policy("random")
    drawn = [turnwise.evaluate(Doors, agent, episodes=40).success_rate for agent in (policy, "random")]
    assert drawn[0] == drawn[1]
    assert 0.2 < drawn[0] < 0.8


def test_what_cannot_be_played_is_refused() -> None:
    class Inside(Doors):
        """A class that nothing finds by its name."""

    with pytest.raises(UsageError, match=r"Inside: stands inside a function"):
        turnwise.evaluate(Inside, reads)
    with pytest.raises(UsageError, match="Doors: a class lives in this process"):
        turnwise.evaluate(Doors, reads, server="http://127.0.0.1:9")
    with pytest.raises(UsageError, match="an object, not its class"):
        turnwise.evaluate(Doors, Doors)
    with pytest.raises(UsageError, match="agent_options"):
        turnwise.evaluate(Doors, reads, agent_options={"seed": 1})
    with pytest.raises(UnknownName, match="expert"):
        turnwise.evaluate(Doors, "exper")


def test_arguments_that_are_not_taken_are_told_by_the_name_that_was_called() -> None:
    unknown: dict[str, Any] = {"tasks_": 3}
    for function in (turnwise.evaluate, turnwise.rollout, turnwise.train):
        told = rf"^{function.__name__}\(\) got an unexpected keyword argument 'tasks_'"
        with pytest.raises(TypeError, match=told):
            function("x", "y", **unknown)


def test_rollouts_are_groups_of_turns() -> None:
    played = turnwise.rollout(Doors, reads, seeds=(5, 2), group_size=3)
    assert [(row["group"], row["member"], row["turn"]) for row in played.rows()] == [
        (group, member, 0) for group in ("5", "2") for member in range(3)
    ]
    frame = played.to_pandas()
    assert frame["reward"].tolist() == [1.0] * 6
    assert frame.groupby("group")["observation"].nunique().tolist() == [1, 1]


def test_signatures_are_those_of_the_coroutines() -> None:
    for name in ("evaluate", "rollout", "train"):
        waiting, calling = getattr(turnwise, name), getattr(turnwise, f"{name}_async")
        assert list(inspect.signature(waiting).parameters) == list(inspect.signature(calling).parameters)
        assert (waiting.__name__, calling.__name__) == (name, f"{name}_async")


def test_a_running_loop_goes_on_meanwhile() -> None:
    async def both() -> tuple[float | None, float | None, int]:
        waited = turnwise.evaluate(Doors, reads, episodes=2)
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.ensure_future(tick())
        awaited = await turnwise.evaluate_async(Doors, reads, episodes=2)
        ticking.cancel()
        return waited.success_rate, awaited.success_rate, ticks

    first, second, ticks = asyncio.run(both())
    assert (first, second) == (1.0, 1.0)
    assert ticks > 1


def test_overrides_are_texts_or_values(tmp_path: Path) -> None:
    texts = ["optim.learning_rate=1e-3", 'env.train_kwargs={"split": "train"}', "credit.name=rloo"]
    values = {"optim.learning_rate": 1e-3, "env.train_kwargs": {"split": "train"}, "credit.name": "rloo"}
    assert turnwise.load_recipe("tiny", texts) == turnwise.load_recipe("tiny", values)
    with pytest.raises(UsageError, match=r"expected section\.key=value"):
        turnwise.load_recipe("tiny", {"rate": 1})
    with pytest.raises(UsageError, match="not one text"):
        turnwise.load_recipe("tiny", "optim.learning_rate=1e-3")
    with pytest.raises(UsageError, match="not the folder of a run"):
        turnwise.load_run(tmp_path)


def test_a_training_that_is_cancelled_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = turnwise.train("tiny", tmp_path / "whole", SMALL, env=Doors, seed=2)

    async def cancelled() -> None:
        task = asyncio.ensure_future(turnwise.train_async("tiny", tmp_path / "cut", SMALL, env=Doors, seed=2))
        log = tmp_path / "cut" / "log.jsonl"
        while not (log.exists() and log.read_text().count('"kind": "update"') == 1):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    before = len(turnwise.load_run(tmp_path / "cut").rows())
    assert before < 3
    cut = turnwise.train(out=tmp_path / "cut", resume=True)
    names = ["update", "reward", "loss", "grad_norm", "entropy"]
    assert [[row[name] for name in names] for row in cut.rows()] == [
        [row[name] for name in names] for row in whole.rows()
    ]
    assert cut.recipe.env.id == f"{__name__}:Doors"
    assert cut.to_pandas("eval")["eval/success_rate"].tolist() == [
        row["eval/success_rate"] for row in whole.rows("eval")
    ]
    assert turnwise.evaluate(Doors, cut.agent, episodes=4).episodes == 4


INTERRUPTED = """
import asyncio, sys, time, turnwise

class Slow(turnwise.TextEnv):
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return "wait", {"admissible": ["on"]}

    def step(self, action):
        time.sleep(0.05)
        return "done", 1.0, True, False, {"admissible": ["on"], "won": True}

async def notebook():
    print("begun", flush=True)
    turnwise.evaluate(Slow, "random", episodes=10_000, out=sys.argv[1])

try:
    asyncio.run(notebook())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_in_a_running_loop_keeps_what_had_ended(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(INTERRUPTED)
    command = [sys.executable, "slow.py", "out"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        rows = tmp_path / "out" / "rows.jsonl"
        until = time.monotonic() + 60
        while not (rows.exists() and rows.read_bytes().count(b"\n") >= 2):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert said.split() == ["begun", "interrupted"]
    kept = [json.loads(line) for line in rows.read_text().splitlines()]
    assert 2 <= len(kept) < 10_000
    assert all(row["success"] for row in kept)
