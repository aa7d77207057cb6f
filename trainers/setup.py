"""From the sections of a recipe to the parts of a run."""

from __future__ import annotations

from ..agents.policies import AgentSettings
from ..agents.prompts.config import PromptConfig
from ..agents.rollout import RolloutConfig, TaskItem
from ..agents.sampling import Sampling
from ..streams import Stream, rng
from .recipe import Recipe
from .rollouts.mixture import assign, worlds_of
from .sections import PromptSection

__all__ = [
    "agent_settings",
    "eval_config",
    "prompt_config",
    "rollout_config",
    "train_tasks",
]


def prompt_config(section: PromptSection) -> PromptConfig:
    """Return how prompts are made."""
    return PromptConfig(
        mode=section.mode,
        history=section.history,
        style=section.style,
        show_admissible=section.show_admissible,
        system=section.system,
        task_label=section.task_label,
        actions_label=section.actions_label,
        max_observation_chars=section.max_observation_chars,
        max_admissible=section.max_admissible,
    )


def agent_settings(recipe: Recipe) -> AgentSettings:
    """Return what stands beside the weights, so that the agent can be asked as it was trained."""
    return AgentSettings(prompt_config(recipe.prompt), recipe.rollout.constraint, recipe.rollout.max_tokens)


def rollout_config(recipe: Recipe) -> RolloutConfig:
    """Return how training episodes are played."""
    section = recipe.rollout
    return RolloutConfig(
        max_turns=section.max_turns,
        max_tokens=section.max_tokens,
        max_episode_tokens=section.max_episode_tokens,
        deadline_s=section.deadline_s,
        sampling=Sampling(section.temperature, section.top_p, section.top_k),
        constraint=section.constraint,
        retries=section.retries,
        slots=section.slots,
        deterministic=section.deterministic,
    )


def eval_config(recipe: Recipe) -> RolloutConfig:
    """Return how evaluation episodes are played: as in training, but for temperature, top_p and seed."""
    section = recipe.rollout
    return RolloutConfig(
        max_turns=section.max_turns,
        max_tokens=section.max_tokens,
        max_episode_tokens=section.max_episode_tokens,
        deadline_s=section.deadline_s,
        sampling=Sampling(recipe.eval.temperature, recipe.eval.top_p, section.top_k),
        constraint=section.constraint,
        retries=section.retries,
        slots=section.slots,
        deterministic=section.deterministic,
    )


def train_tasks(recipe: Recipe, seeds: list[int], update: int, round_: int = 0) -> list[TaskItem]:
    """Return the episodes of a round of an update, the first or a refill: one group a seed.

    A group stays in one environment; see `mixture`.
    """
    drawn = rng(recipe.train.seed, Stream.WORLDS, update, round_)
    worlds = assign(worlds_of(recipe.env), len(seeds), drawn)
    name = f"{update}.{round_}" if round_ else str(update)
    episode = update + (round_ << 32)  # a task drawn again is played with other random numbers
    return [
        TaskItem(world.id, world.train_kwargs, seed, group=f"{name}-{place}", episode=episode, member=member)
        for place, (seed, world) in enumerate(zip(seeds, worlds, strict=True))
        for member in range(recipe.rollout.group_size)
    ]
