"""`turnwise.rollout`: an agent plays, and its episodes come back as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..agents.evaluation.config import EVALUATION
from ..agents.prompts.config import PromptConfig
from ..agents.rollout.config import RolloutConfig, RolloutResult, TaskItem
from ..agents.rollout.rollout import OnTrajectory
from ..agents.rollout.rollout import rollout as play
from ..errors import UsageError
from . import loops
from .given import AgentGiven, EnvGiven, env_of, opened, policy_of


async def rollout_async(
    env: EnvGiven,
    agent: AgentGiven,
    *,
    seeds: Sequence[int] = (0,),
    group_size: int = 1,
    kwargs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    agent_options: Mapping[str, Any] | None = None,
    server: str | None = None,
    key: str | None = None,
    config: RolloutConfig = EVALUATION,
    prompt: PromptConfig | None = None,
    random_seed: int = 0,
    with_prompts: bool = True,
    on_trajectory: OnTrajectory | None = None,
) -> RolloutResult:
    """Play each task as often as a group is large.

        played = turnwise.rollout("household/demo-v0", "random", seeds=range(4), group_size=8)
        credit = gigpo(TurnTable.from_trajectories(played.trajectories))  # of turnwise.credit

    `rollout` does so in scripts and in notebooks, `rollout_async` in a coroutine.

    Args:
        env: an id, `module:Class`, `file.py:Class`, or a class.
        agent: a name as of `turnwise eval --agent`, a Policy, or a function that takes a
            GenerationRequest and returns an action.
        seeds: one task each.
        group_size: episodes of each task.
        kwargs: arguments of the environment.
        options: of each reset.
        agent_options: arguments of an agent given by name.
        server: the address of a server; None plays in this process.
        key: the server's key.
        config: limits and sampling.
        prompt: how prompts are made; None is the agent's own way.
        random_seed: the first part of every key of the agent's random numbers.
        with_prompts: let turns keep their prompts in words.
        on_trajectory: called with the place and the trajectory as each episode ends.

    Returns:
        `trajectories`, group by group, and `stats`; one row a turn: `rows()`, `to_pandas()`.

    Raises:
        UsageError: if an argument is wrong.
        ServerError: if no session can be opened.
        PolicyStopped: if the agent will answer nothing more.
    """
    if group_size < 1 or not len(seeds):
        raise UsageError(f"{len(seeds)} seeds, group_size {group_size}: expected at least one of each")
    env_id, policy = env_of(env, server), policy_of(agent, agent_options)
    tasks = [
        TaskItem(env_id, dict(kwargs or {}), seed, dict(options or {}), member=member)
        for seed in seeds
        for member in range(group_size)
    ]
    async with opened(policy, close=policy is not agent, server=server, key=key) as client:
        return await play(
            client,
            policy,
            tasks,
            replace(config, deterministic=policy.repeatable),
            on_trajectory,
            prompt=prompt,
            seed=random_seed,
            with_prompts=with_prompts,
        )


rollout = loops.blocking(rollout_async)
