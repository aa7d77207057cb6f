"""An environment that never says whether it was won: success is unknown, and nothing guesses it.

1. A run logs null beside the return, shows a dash, and refuses to stop by success.
2. The turn table has a column success only if every trajectory that counts says so.
3. Credit, rewards and samplers that need success refuse, by name; others work.
4. What a batch says of its success is over the trajectories that tell, with their share.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from turnwise import credit
from turnwise.agents.types import Trajectory, Turn
from turnwise.errors import TableError, TrainingError
from turnwise.trainers import rewards
from turnwise.trainers.credit import TurnTable
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.rollouts import samplers
from turnwise.trainers.rollouts.samplers import Candidates
from turnwise.trainers.runs.console import RunDisplay
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.runs.statistics import batch_statistics
from turnwise.trainers.train import train

NEED_SUCCESS = {
    "graphgpo": lambda table: credit.get("graphgpo")(table),
    "g2po": lambda table: credit.get("g2po")(table),
    "broadcast": lambda table: credit.get("broadcast")(table, outcome="success"),
    "otc": lambda table: rewards.get("otc")(table),
}


def episode(reward: float, success: bool | None, end: Any = "terminated", env_id: str = "e") -> Trajectory:
    turn = Turn(0, "o", "s", "go", reward, "n", rewards={"tool_calls": 1.0})
    return Trajectory(env_id, "t", 0, "g", (turn,), end, success=success)


@pytest.mark.parametrize("name", NEED_SUCCESS)
def test_what_needs_success_refuses_to_guess_it(name: str) -> None:
    told = [episode(1.0, False), episode(0.0, True), episode(0.0, None, "error")]
    table = TurnTable.from_trajectories(told)
    assert table.column("success").tolist() == [False, True, False]
    NEED_SUCCESS[name](table)
    silent = TurnTable.from_trajectories([*told, episode(0.5, None)])
    assert "success" not in silent.columns
    with pytest.raises(TableError, match=rf"^{name} needs to know .* trajectory 3, turn 0 .*info\[\"won\"\]"):
        NEED_SUCCESS[name](silent)


def test_other_methods_work_without_success() -> None:
    table = TurnTable.from_trajectories([episode(1.0, None), episode(0.0, None)])
    np.testing.assert_allclose(credit.get("dr_grpo")(table).advantage, [0.5, -0.5])


def test_columns_given_without_success_mean_a_return_above_0_as_published() -> None:
    table = TurnTable.from_columns(
        group=["g", "g"],
        trajectory=[0, 1],
        reward=[1.0, 0.0],
        state_key=["s", "s"],
        next_state_key=["n", "n"],
    )
    assert table.solved("graphgpo").tolist() == [True, False]


def test_replay_refuses_to_guess_which_episodes_to_store() -> None:
    async def nothing(_: int) -> list[Any]:
        return []

    group = (episode(1.0, None), episode(0.0, None))
    with pytest.raises(
        TrainingError, match=r'replay goes by success, and e does not always say info\["won"\]'
    ):
        asyncio.run(
            samplers.get("replay")(Candidates((group,), 1, nothing, np.random.default_rng(0)))  # type: ignore[arg-type]
        )


def test_a_batch_counts_those_that_tell() -> None:
    batch = [
        episode(1.0, True),
        episode(1.0, False),
        episode(5.0, None, env_id="mute"),
        episode(9.0, True, "error"),
    ]
    figures = batch_statistics(batch)
    assert (figures["success_rate"], figures["coverage"]) == (0.5, 0.5)
    assert (figures["success_rate/e"], figures["success_rate/mute"]) == (0.5, None)
    assert figures["reward/mute"] == 5.0
    assert batch_statistics(batch[2:3])["success_rate"] is None


def shown(**entry: Any) -> str:
    display = RunDisplay(console=Console(file=io.StringIO(), width=200))
    fields = {"success_rate": None, "ci_low": None, "ci_high": None, "coverage": 0.0, "reward": 1.5}
    rest = {"turns": 2.0, "episodes": 100.0, "errors": 0.0}
    figures = {f"eval/{name}": value for name, value in {**fields, **rest, **entry}.items()}
    display.evaluated({"update": 3, **figures})
    display.update(0.5, {"update": 3, "success_rate": entry.get("success_rate"), "reward": 1.5})
    display.table()
    assert isinstance(display.console.file, io.StringIO)
    return display.console.file.getvalue()


def test_the_console_shows_a_dash_or_the_rate_with_its_coverage() -> None:
    unknown = shown()
    assert (
        "evaluation after update 3: success - (the environment does not say info['won']), mean return 1.500"
        in unknown
    )
    assert "success -  reward 1.50" in unknown
    assert "warning" not in unknown
    assert [line.split() for line in unknown.splitlines()][-1] == ["3", "-", "-", "0", "%", "1.500", "2.0"]
    thin = shown(success_rate=0.5, ci_low=0.4, ci_high=0.6, coverage=0.7, episodes=70.0, errors=30.0)
    assert "50.0 % of 70 tasks solved, coverage 70.0 %, mean return" in thin
    assert (
        "warning: that rate is over 70.0 % of the tasks; of the others 30 failed for the machine's reasons, "
        "and of 0 the environment did not say whether they were won"
    ) in thin


def test_a_run_logs_unknown_success_and_refuses_to_stop_by_it(
    lights: Callable[..., Recipe], lights_file: Path, tmp_path: Path
) -> None:
    lights_file.write_text(lights_file.read_text().replace('{**info, "won": self.right == 3}', "info"))
    small: dict[str, dict[str, Any]] = {
        "rollout": {"num_groups": 2, "group_size": 4},
        "eval": {"episodes": 4},
        "warmstart": {"max_steps": 0},
    }
    state = train(lights(train={"num_updates": 1}, **small), tmp_path / "run")
    before, update, after = read_log(tmp_path / "run")
    for entry in (before, after):
        assert (entry["eval/success_rate"], entry["eval/ci_low"], entry["eval/coverage"]) == (None, None, 0.0)
        assert entry["eval/reward"] > 0
    assert (update["success_rate"], update["coverage"], state.success_rate) == (None, 0.0, None)
    with pytest.raises(TrainingError, match=r"train.target_success = 0.9 needs success, .*info\[\"won\"\]"):
        train(lights(train={"num_updates": 1, "target_success": 0.9}, **small), tmp_path / "stop")
