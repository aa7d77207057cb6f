"""Evaluation: an agent plays fixed tasks once each, and the outcome is counted."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from ... import __version__
from ...envs.registry import registered, version_of
from ...errors import UnknownName, UsageError
from ...servers.client import SessionClient
from ..control import Kind
from ..control.holding import Holding, holding
from ..policy import Policy
from ..prompts.config import PromptConfig
from ..rollout.config import RolloutConfig, TaskItem
from ..rollout.rollout import Rollout, rollout
from .config import EVALUATION, KEEP_MB, SPLITS
from .folder import EvaluationFolder
from .playing import OnProgress, Playing
from .results import EvalRow, Evaluation

# Fields that decide how fast an evaluation runs, not what it finds; the sampling's stand beside the others.
_NOT_RECORDED = (
    "slots", "max_batch", "deadline_s", "retries", "deterministic", "drop_info", "sampling", "mask"
)  # fmt: skip


async def evaluate(
    client: SessionClient,
    policy: Policy,
    env_id: str,
    *,
    kwargs: dict[str, Any] | None = None,
    split: str | None = None,
    episodes: int = 100,
    seed: int = 0,
    config: RolloutConfig | None = None,
    prompt: PromptConfig | None = None,
    random_seed: int = 0,
    agent: str = "",
    out: str | Path | None = None,
    keep_mb: float = KEEP_MB,
    on_progress: OnProgress | None = None,
    kind: Kind = "evaluation",
    held: Holding | None = None,
    play: Rollout = rollout,
    harness: str = "",
) -> Evaluation:
    """Play the tasks `seed, seed + 1, ...` once each and sum up.

    Args:
        client: the service that holds the sessions.
        policy: the agent.
        env_id: the environment.
        kwargs: its arguments.
        split: its argument `split`, where it has one; a name beside `SPLITS` goes in `kwargs`.
        episodes: how many tasks.
        seed: the first task's.
        config: limits and sampling; None is `EVALUATION`, in lock-step if the policy is repeatable.
        prompt: how prompts are made; None is the policy's own.
        random_seed: the first part of every key of the policy's random numbers.
        agent: what to call the agent; the policy's name by default.
        out: a folder that keeps rows and trajectories, so that an interrupted evaluation goes on.
        keep_mb: megabytes of trajectories that it keeps; 0 is none.
        on_progress: called with each row as its episode ends, and first with those of `out`.
        kind: "cell" of one that is a part of a suite or a training, and not controlled by itself.
        held: the control of the suite that it is a cell of.
        play: plays the episodes.
        harness: the program that does, where it is one; a setting of the evaluation.

    Raises:
        UnknownName: if the split is called as none is.
        UsageError: if another argument is wrong, `out` holds another evaluation, or it goes on already.
        EnvironmentFault: if no episode could be played.
        ServerError: if no session can be opened.
        PolicyStopped: if the policy will answer nothing more; `out` keeps the rows so far.
        Stopped: if somebody has asked it to stop; `out` keeps the rows so far.
    """
    if not keep_mb >= 0:
        raise UsageError(f"keep_mb {keep_mb}: expected megabytes, or 0 to keep no trajectories")
    if episodes < 1 or seed < 0:
        raise UsageError(f"episodes {episodes}, seed {seed}: expected at least one episode, no seed below 0")
    _check_split(env_id, split)
    config = config or replace(EVALUATION, deterministic=policy.repeatable)
    if config.mask.is_on:
        raise UsageError("mask: an evaluation plays the policy itself, without a second one; leave it out")
    if out is not None and policy.names_actions:  # those that learn from it are asked in their own way
        config = replace(config, drop_info=())
    kwargs = {**(kwargs or {}), **({"split": split} if split is not None else {})}
    settings = _settings(policy, agent, env_id, kwargs, _played(policy, config, prompt, random_seed))
    settings |= {"harness": harness} if harness else {}
    seeds = range(seed, seed + episodes)
    opened = nullcontext() if out is None else EvaluationFolder(out, settings, keep_mb, kind)
    tasks = [TaskItem(env_id, kwargs, at, member=0) for at in seeds]
    start = partial(
        play,
        client,
        policy,
        config=config,
        prompt=prompt,
        seed=random_seed,
        with_prompts=out is not None and keep_mb > 0,
    )
    with opened as folder:
        async with _held(folder if kind == "evaluation" else None, client, held) as holds:
            playing = Playing(tasks, folder, on_progress, holds, own=held is None)
            await playing.play(start)
            said = await policy.report()
            if folder is not None and not playing.played:
                said = folder.former_report()
            told = {**settings, "seed": seed, **playing.changed}
            evaluation = _summed(playing.counted, told, env_id, said)
            if folder is not None:
                folder.finish(evaluation)
    return evaluation


def _held(
    folder: EvaluationFolder | None, client: SessionClient, held: Holding | None
) -> AbstractAsyncContextManager[Holding | None]:
    """Return the control of an evaluation: that of the suite it is a cell of, else that of its folder."""
    if held is not None or folder is None:
        return nullcontext(held)
    return holding(folder.control, client)


def _check_split(env_id: str, split: str | None) -> None:
    """Check the name of a split where the environment may take any text; ours check it themselves."""
    if split is not None and split not in SPLITS and env_id not in registered():
        more = f"; another name, which {env_id} itself must know, goes with the arguments: -k split={split}"
        raise UnknownName("split", split, SPLITS, more)


def _summed(
    rows: Sequence[EvalRow], settings: dict[str, Any], env_id: str, said: dict[str, Any]
) -> Evaluation:
    fingerprints = sorted({row.fingerprint for row in rows if row.counts})
    if len(fingerprints) > 1:
        raise UsageError(
            f"the rows come from {len(fingerprints)} versions of {env_id} ({', '.join(fingerprints)}): "
            "it has changed since the evaluation began; choose another folder"
        )
    versions = {
        "turnwise": __version__,
        "python": platform.python_version(),
        "environment": version_of(env_id),
        "fingerprint": fingerprints[0] if fingerprints else "",
    }
    return Evaluation.of(rows, settings, versions, said)


def _settings(
    policy: Policy, agent: str, env_id: str, kwargs: dict[str, Any], played: dict[str, Any]
) -> dict[str, Any]:
    """Name everything that the rows depend on."""
    own = policy.own_settings
    return {
        "environment": env_id,
        "kwargs": kwargs,
        "agent": agent or policy.name,
        "policy_version": policy.version,
        "rollout": played,
        **({"policy": own} if own else {}),
    }


def _played(
    policy: Policy, config: RolloutConfig, prompt: PromptConfig | None, random_seed: int
) -> dict[str, Any]:
    """Return how the episodes are played, with the policy's own values where none are given."""
    asked = policy.asked(prompt, config.constraint, config.max_tokens)
    names = [field.name for field in fields(RolloutConfig) if field.name not in _NOT_RECORDED]
    return {
        **{name: getattr(config, name) for name in names},
        **config.sampling.document(),
        "max_tokens": asked.max_tokens,
        "stop": list(config.stop),
        "constraint": asked.constraint,
        "prompt": asdict(asked.prompt),
        "seed": random_seed,
    }
