"""`turnwise.evaluate`: an agent plays fixed tasks once each, and the outcome is counted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..agents.evaluation.config import EVALUATION, KEEP_MB
from ..agents.evaluation.evaluate import evaluate as play
from ..agents.evaluation.playing import OnProgress
from ..agents.evaluation.results import EvalRow, Evaluation
from ..agents.experience.lessons import Library
from ..agents.gateway.config import HarnessConfig
from ..agents.prompts.config import PromptConfig
from ..agents.rollout.config import RolloutConfig
from . import loops
from .given import (
    AgentGiven,
    EnvGiven,
    asked_by,
    check_local,
    env_of,
    harness_of,
    opened,
    player_of,
    policy_of,
)
from .progress import Progress


async def evaluate_async(
    env: EnvGiven,
    agent: AgentGiven,
    *,
    episodes: int = 100,
    seed: int = 0,
    split: str | None = None,
    kwargs: Mapping[str, Any] | None = None,
    agent_options: Mapping[str, Any] | None = None,
    recipe: str | None = None,
    harness: HarnessConfig | None = None,
    server: str | None = None,
    key: str | None = None,
    config: RolloutConfig = EVALUATION,
    prompt: PromptConfig | None = None,
    experience: str | Path | None = None,
    out: str | Path | None = None,
    keep_mb: float = KEEP_MB,
    name: str = "",
    close_agent: bool | None = None,
    progress: bool = False,
    on_episode: OnProgress | None = None,
) -> Evaluation:
    """Let an agent play the tasks `seed, seed + 1, ...` once each, and sum up.

        result = turnwise.evaluate("household/demo-v0", "expert", split="unseen", episodes=20)
        print(result.success_rate, result.ci_low, result.ci_high)

    `evaluate` does so in scripts and in notebooks, `evaluate_async` in a coroutine.

    Args:
        env: an id, `module:Class`, `file.py:Class`, or a class.
        agent: a name as of `turnwise eval --agent`, a Policy, or a function that takes a
            GenerationRequest and returns an action.
        episodes: how many tasks.
        seed: the first task's, and that of the sampling.
        split: the environment's argument `split`.
        kwargs: its other arguments.
        agent_options: arguments of an agent given by name.
        recipe: ask as this recipe does: its prompts, constraint and length of messages.
        harness: a program that plays the episodes in place of turnwise; None is the recipe's, if it has one.
        server: the address of a server; None plays in this process.
        key: the server's key.
        config: limits and sampling.
        prompt: how prompts are made; None is the agent's own way, or the recipe's.
        experience: a file of lessons (`turnwise.practise`), which prompts show.
        out: a folder that keeps rows, trajectories and result; an evaluation that was interrupted
            goes on from it.
        keep_mb: megabytes of trajectories that it keeps; 0 is none.
        name: what to call the agent; its own name by default.
        close_agent: close the agent at the end; None closes it where it was given by name.
        progress: show a bar with the time left.
        on_episode: called with each row as its episode ends.

    Returns:
        the figures, and one row a task: `rows()`, `to_pandas()`.

    Raises:
        UsageError: if an argument is wrong; nothing is played or written.
        EnvironmentFault: if no episode could be played.
        ServerError: if no session can be opened.
        PolicyStopped: if the agent will answer nothing more; `out` keeps the rows so far.
        KeyboardInterrupt: after Ctrl-C; `out` keeps them too.
    """
    env_id, arguments = env_of(env, server), dict(kwargs or {})
    harness = harness_of(recipe) if harness is None else harness
    if server is None:
        check_local(env_id, arguments, split)
    policy = policy_of(agent, agent_options)
    if recipe is not None:
        config, prompt = asked_by(recipe, config, prompt)
    if experience is not None:
        prompt = Library.read(experience).shown_to(policy, prompt)
    bar = Progress(episodes) if progress else nullcontext()
    close = policy is not agent if close_agent is None else close_agent
    async with opened(policy, close=close, server=server, key=key) as client:
        with bar as shown:

            def ended(row: EvalRow) -> None:
                if shown is not None:
                    shown.advance(row)
                if on_episode is not None:
                    on_episode(row)

            return await play(
                client,
                policy,
                env_id,
                kwargs=arguments,
                split=split,
                episodes=episodes,
                seed=seed,
                config=replace(config, deterministic=policy.repeatable),
                prompt=prompt,
                random_seed=seed,
                agent=name or (agent if isinstance(agent, str) else ""),
                out=out,
                keep_mb=keep_mb,
                on_progress=ended,
                play=player_of(harness),
                harness=harness.command,
            )


evaluate = loops.blocking(evaluate_async)
