"""A task of inspect's: one sample for each seed of an environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample

from ...agents.prompts.config import PromptConfig
from ...api.given import EnvGiven, env_of
from ..called import SHOWN
from .playing import play
from .scoring import episode_return, success

SEED = "seed"
"""The key of a sample's metadata that holds its seed."""


def task(
    env: EnvGiven,
    *,
    seeds: Iterable[int] = range(50),
    kwargs: Mapping[str, Any] | None = None,
    max_messages: int = 50,
    prompt: PromptConfig = SHOWN,
    **more: Any,
) -> Task:
    """Return an environment as a task that `inspect eval` and `inspect_ai.eval` take.

    Args:
        env: an id, `module:Class`, `file.py:Class`, or a class at the top level of a module.
        seeds: the tasks.
        kwargs: arguments of the environment, e.g. {"split": "unseen"}.
        max_messages: an episode ends after so many messages of the model.
        prompt: how its states are shown.
        more: further arguments of inspect's `Task`, e.g. epochs.
    """
    name = env_of(env)
    solver = play(name, dict(kwargs or {}), max_messages, prompt)
    return Task(
        dataset=samples(name, seeds),
        solver=solver,
        scorer=[success(), episode_return()],
        name=more.pop("name", name.replace("/", "_").replace(":", "_")),
        **more,
    )


def samples(env: str, seeds: Iterable[int]) -> MemoryDataset:
    """Return a sample for each seed; what a model is shown comes from the environment when it is played."""
    rows = [Sample(input=f"{env}, seed {seed}", id=seed, metadata={SEED: seed}) for seed in seeds]
    return MemoryDataset(rows, name=env)
