"""From the sections of a recipe to the parts of a run."""

from __future__ import annotations

from ..agents.policies.settings import AgentSettings
from ..agents.prompts.config import PromptConfig
from ..agents.rollout.rollout import RolloutConfig, TaskItem
from .learner.critic import CriticConfig
from .learner.heads import find_heads
from .learner.update import LearnerConfig
from .losses import ObjectiveConfig
from .rollouts.mixture import assign, worlds_of
from .sections import PromptSection, Recipe

__all__ = [
    "agent_settings",
    "critic_config",
    "eval_config",
    "learner_config",
    "prompt_config",
    "rollout_config",
    "train_tasks",
]

_MIXING = 4  # keeps these random numbers apart from others with the same seed and update


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
        temperature=section.temperature,
        top_p=section.top_p,
        top_k=section.top_k,
        constraint=section.constraint,
        prompt=prompt_config(recipe.prompt),
        retries=section.retries,
        slots=section.slots,
        deterministic=section.deterministic,
        seed=recipe.train.seed,
    )


def eval_config(recipe: Recipe) -> RolloutConfig:
    """Return how evaluation episodes are played: as in training but for the sampling."""
    section = recipe.rollout
    return RolloutConfig(
        max_turns=section.max_turns,
        max_tokens=section.max_tokens,
        max_episode_tokens=section.max_episode_tokens,
        deadline_s=section.deadline_s,
        temperature=recipe.eval.temperature,
        top_p=recipe.eval.top_p,
        constraint=section.constraint,
        prompt=prompt_config(recipe.prompt),
        retries=section.retries,
        slots=section.slots,
        deterministic=section.deterministic,
        seed=recipe.eval.seed,
    )


def train_tasks(recipe: Recipe, seeds: list[int], update: int, round_: int = 0) -> list[TaskItem]:
    """Return the episodes of a round of an update, the first or a refill: one group a seed.

    A group stays in one environment; see `mixture`.
    """
    worlds = assign(worlds_of(recipe.env), len(seeds), [recipe.train.seed, update, _MIXING, round_])
    name = f"{update}.{round_}" if round_ else str(update)
    episode = update + (round_ << 32)  # a task drawn again is played with other random numbers
    return [
        TaskItem(world.id, world.train_kwargs, seed, group=f"{name}-{place}", episode=episode, member=member)
        for place, (seed, world) in enumerate(zip(seeds, worlds, strict=True))
        for member in range(recipe.rollout.group_size)
    ]


def critic_config(recipe: Recipe) -> CriticConfig:
    """Return which value heads there are and how they learn.

    Raises:
        UnknownName: if a head is to be read at an unknown place.
        UsageError: if a number is out of its range.
    """
    section = recipe.critic
    return CriticConfig(
        heads=find_heads(recipe.credit.name, section.heads),
        width=section.width,
        learning_rate=section.learning_rate,
        num_epochs=section.num_epochs,
        batch_size=section.batch_size,
        tau=section.tau,
        max_tokens=recipe.optim.micro_tokens,
        seed=recipe.train.seed,
    )


def learner_config(recipe: Recipe) -> LearnerConfig:
    """Return how a batch becomes an update."""
    loss, optim = recipe.loss, recipe.optim
    objective = ObjectiveConfig(
        name=loss.name,
        aggregation=loss.aggregation,
        ratio_level=loss.ratio_level,
        constant_length=loss.constant_length,
        kl=loss.kl,
        kl_coef=loss.kl_coef,
        entropy_coef=loss.entropy_coef,
        off_policy=loss.off_policy,
        off_policy_level=loss.off_policy_level,
        off_policy_limit=loss.off_policy_limit,
        params=loss.params,
        terms=loss.terms,
    )
    first, second = optim.betas
    return LearnerConfig(
        objective=objective,
        learning_rate=optim.learning_rate,
        betas=(first, second),
        adam_epsilon=optim.adam_epsilon,
        weight_decay=optim.weight_decay,
        max_grad_norm=optim.max_grad_norm,
        schedule=optim.schedule,
        warmup_updates=optim.warmup_updates,
        total_updates=recipe.train.num_updates,
        num_minibatches=optim.num_minibatches,
        num_epochs=optim.num_epochs,
        micro_tokens=optim.micro_tokens,
        skip_idle=optim.skip_idle,
        old_logprobs=optim.old_logprobs,
        one_engine=optim.one_engine,
        ratio_tolerance=optim.ratio_tolerance,
        mismatch_limit=optim.mismatch_limit,
        spike_limit=optim.spike_limit,
        critic=critic_config(recipe),
        seed=recipe.train.seed,
    )
