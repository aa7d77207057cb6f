"""`turnwise practise`: lessons in words out of groups of episodes; no weight changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..agents.evaluation.config import KEEP_MB
from ..agents.experience.config import PLAYED, PRACTICE, PracticeConfig
from ..agents.experience.practice import OnStep, Place, Practised
from ..agents.experience.practice import practise as play
from ..agents.prompts.config import PromptConfig
from ..agents.rollout.config import RolloutConfig
from . import loops
from .given import AgentGiven, EnvGiven, check_local, env_of, opened, policy_of


async def practise_async(
    env: EnvGiven,
    agent: AgentGiven,
    out: str | Path,
    *,
    practice: PracticeConfig = PRACTICE,
    seed: int = 0,
    split: str | None = None,
    kwargs: Mapping[str, Any] | None = None,
    agent_options: Mapping[str, Any] | None = None,
    writer: AgentGiven | None = None,
    writer_options: Mapping[str, Any] | None = None,
    server: str | None = None,
    key: str | None = None,
    config: RolloutConfig = PLAYED,
    prompt: PromptConfig | None = None,
    keep_mb: float = KEEP_MB,
    on_step: OnStep | None = None,
) -> Practised:
    """Let an agent practise, and write down what its attempts teach.

        practised = turnwise.practise("household/mix-v0", "openai:http://127.0.0.1:8001/v1#mine", "lessons")
        turnwise.evaluate("household/mix-v0", agent, experience="lessons/experience.json")

    `practise` does so in scripts and in notebooks, `practise_async` in a coroutine.

    Args:
        env: an id, `module:Class`, `file.py:Class`, or a class.
        agent: a name as of `turnwise eval --agent`, a Policy, or a function of requests.
        out: a folder; a practice that was interrupted goes on from it.
        practice: how lessons are learned.
        seed: of the tasks, their order and all sampling.
        split: the environment's argument `split`.
        kwargs: its other arguments.
        agent_options: arguments of an agent given by name.
        writer: who compares and writes the lessons; None is the agent itself.
        writer_options: arguments of a writer given by name.
        server: the address of a server; None plays in this process.
        key: the server's key.
        config: limits and sampling.
        prompt: how prompts are made, before lessons are in them; None is the agent's own way.
        keep_mb: megabytes of trajectories that a step keeps.
        on_step: called with the number and the figures of each step as it ends.

    Raises:
        UsageError: if an argument is wrong; nothing is played or written.
        ServerError: if no session can be opened.
        PolicyStopped: if the agent or the writer will answer nothing more; `out` keeps what there is.
        KeyboardInterrupt: after Ctrl-C; `out` keeps what there is.
    """
    arguments = {**(kwargs or {}), **({} if split is None else {"split": split})}
    place = Place(env_of(env, server), arguments)
    if server is None:
        check_local(place.env_id, arguments, None)
    policy = policy_of(agent, agent_options)
    author = policy if writer is None else policy_of(writer, writer_options)
    try:
        async with opened(policy, close=policy is not agent, server=server, key=key) as client:
            return await play(
                client,
                policy,
                place,
                out,
                writer=author,
                config=practice,
                played=replace(config, deterministic=policy.repeatable),
                prompt=prompt,
                seed=seed,
                keep_mb=keep_mb,
                agent=agent if isinstance(agent, str) else "",
                author=writer if isinstance(writer, str) else "",
                on_step=on_step,
            )
    finally:
        if author not in (policy, writer):
            await author.aclose()


practise = loops.blocking(practise_async)
