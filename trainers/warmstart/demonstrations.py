"""Demonstrations: a rollout of teachers on training tasks, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...agents.prompts.config import PromptConfig
from ...agents.rollout import RolloutConfig, TaskItem, rollout
from ...agents.types import Style, Trajectory
from ...servers.client import connect
from .teachers import Slips, TeacherPolicy


def collect(
    env_id: str,
    kwargs: Mapping[str, Any],
    seeds: Sequence[int],
    *,
    teacher: str = "auto",
    max_turns: int = 50,
    slip: float = 0.0,
    teach_slips: bool = False,
    style: Style = "plain",
    done: Callable[[], None] = lambda: None,
) -> list[Trajectory]:
    """Return one episode of the teacher for each task seed; `turn.info["taught"]` says what to learn.

    Args:
        env_id: the environment.
        kwargs: its arguments, with the training split.
        seeds: tasks; each also decides the teacher's own randomness.
        teacher: `auto`, `explorer`, `expert` or `none`.
        max_turns: longer episodes end as "horizon".
        slip: chance per turn of a random admissible action instead.
        teach_slips: mark such turns as taught too.
        style: `plan` gives turns the teacher's subgoals.
        done: called as each episode ends.

    Raises:
        UsageError: if the environment lacks what the teacher needs.
    """
    policy = Slips(TeacherPolicy(env_id, teacher), slip, taught=teach_slips)
    tasks = [TaskItem(env_id, dict(kwargs), seed, episode=place) for place, seed in enumerate(seeds)]
    config = RolloutConfig(max_turns=max_turns, retries=0, deterministic=False, drop_info=("private",))
    prompt = PromptConfig(style="plan" if style == "plan" else "plain")
    played = asyncio.run(_play(policy, tasks, config, prompt, done))
    return [
        replace(
            trajectory,
            turns=tuple(
                replace(turn, info={**turn.info, "taught": (place, turn.index) not in policy.untaught})
                for turn in trajectory.turns
            ),
        )
        for place, trajectory in enumerate(played)
    ]


async def _play(
    policy: Slips,
    tasks: Sequence[TaskItem],
    config: RolloutConfig,
    prompt: PromptConfig,
    done: Callable[[], None],
) -> tuple[Trajectory, ...]:
    client = connect("local:")
    try:
        result = await rollout(client, policy, tasks, config, lambda *_: done(), prompt=prompt)
        return result.trajectories
    finally:
        await client.aclose()
