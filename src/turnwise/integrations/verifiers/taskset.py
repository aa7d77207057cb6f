"""Tasks of ours for verifiers, and the environment that plays them: it is the user, the agent answers.

Each task is a seed. The environment opens the conversation with the task and its first state; every
answer of the agent is read as our agents' are, and the next state is the next message. The reward is
the sum of the rewards; `trace.info["turns"]` keeps the state keys that credit needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import verifiers.v1 as vf
from pydantic import Field

from ...agents.prompts.config import EXPLAINED
from ...agents.types import Turn
from ...errors import UsageError
from ..called import Called


class TurnwiseConfig(vf.TasksetConfig):
    """Which tasks of which environment there are.

    Attributes:
        env: an id, `module:Class` or `file.py:Class`.
        arguments: of the environment, e.g. {"split": "unseen"}.
        first_seed: of the first task; each one after it has the next seed.
        num_tasks: how many.
        max_turns: of an episode.
        style: how an answer is to be written: with <think> and <action> tags, or the action alone.
    """

    env: str = ""
    arguments: dict[str, Any] = Field(default_factory=dict)
    first_seed: int = Field(0, ge=0)
    num_tasks: int = Field(100, ge=1)
    max_turns: int = Field(50, ge=1)
    style: Literal["tags", "plain"] = "tags"


class TurnwiseData(vf.TaskData):
    """One task: what to play, and how far."""

    env: str
    arguments: dict[str, Any]
    seed: int
    max_turns: int
    style: Literal["tags", "plain"]


class TurnwiseTask(vf.Task[TurnwiseData]):
    """One seed of an environment."""


class TurnwiseTaskset(vf.Taskset[TurnwiseTask, TurnwiseConfig]):
    """The tasks of an environment, one a seed."""

    def load(self) -> Iterator[TurnwiseTask]:
        """Yield the tasks, from the first seed on."""
        given = self.config
        if not given.env:
            raise ValueError("which environment? give --env.taskset.env, e.g. household/demo-v0")
        Called(
            given.env, given.arguments
        ).close()  # a wrong name or argument is told before anything is played
        for seed in range(given.first_seed, given.first_seed + given.num_tasks):
            data = TurnwiseData(
                name=f"{given.env}#{seed}",
                prompt=None,
                env=given.env,
                arguments=given.arguments,
                seed=seed,
                max_turns=given.max_turns,
                style=given.style,
            )
            yield TurnwiseTask(data, given.task)


class TurnwiseEnvConfig(vf.EnvConfig):
    """The one who plays, by default a chat on this machine."""

    player: vf.AgentConfig = vf.AgentConfig(runtime=vf.SubprocessConfig())


class TurnwiseEnv(vf.Env[TurnwiseEnvConfig]):
    """An episode of ours, played by an agent of verifiers."""

    async def run(self, task: Any, agents: Any) -> None:
        """Play one episode to its end, the limit of turns, or that of the agent."""
        data = task.data
        called = await asyncio.to_thread(
            Called, data.env, data.arguments, replace(EXPLAINED, style=data.style)
        )
        try:
            shown = await asyncio.to_thread(called.reset, data.seed)
            if "images" in called.info:
                raise UsageError(
                    f"{data.env} shows pictures (info['images']), which are not given to verifiers"
                )
            async with agents.player.interaction(task) as interaction:
                segment = await interaction.turn(shown)
                while not segment.terminated:
                    shown = await asyncio.to_thread(called.say, segment.last_reply)
                    if called.end or len(called.turns) >= data.max_turns:
                        break
                    segment = await interaction.turn(shown)
            _record(interaction.trace, called)
        finally:
            await asyncio.to_thread(called.close)


def _record(trace: Any, called: Called) -> None:
    trace.record_reward("turnwise", called.total)
    if called.info.get("won") is not None:
        trace.record_metric("won", float(bool(called.info["won"])))
    trace.info["turns"] = [_plain(turn) for turn in called.turns]


def _plain(turn: Turn) -> dict[str, Any]:
    kept = ("state_key", "next_state_key", "action", "reward", "malformed", "inadmissible")
    return {name: getattr(turn, name) for name in kept}
