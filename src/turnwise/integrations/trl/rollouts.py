"""Our rollout as TRL's: what `GRPOTrainer(rollout_func=...)` takes (TRL 1.16).

    play = rollout_func("household/demo-v0")
    trainer = CreditTrainer(
        model="Qwen/Qwen3-0.6B", train_dataset=Dataset.from_list(tasks(range(1000))), rollout_func=play,
        reward_funcs=episode_return,
    )

Episodes are played as `turnwise train` plays them, many at once, by the trainer's own model in its
own process: commands in words or tools in the model's form, thoughts, limits, retries. TRL keeps one
sequence an episode, so prompts have to be conversations that only grow.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...agents.prompts.config import EXPLAINED, PromptConfig
from ...agents.rollout.config import RolloutConfig, TaskItem, number_members
from ...agents.rollout.rollout import rollout
from ...agents.sampling import Sampling
from ...agents.types import Trajectory
from ...api import loops
from ...api.given import EnvGiven, env_of, opened
from ...errors import TrainingError, UsageError

log = logging.getLogger(__name__)
Columns = dict[str, list[Any]]
PLAYED = RolloutConfig(max_tokens=256, max_episode_tokens=4096)
"""How episodes are played unless something else is said; the sampling is the trainer's."""


def rollout_func(
    env: EnvGiven,
    kwargs: Mapping[str, Any] | None = None,
    prompt: PromptConfig = EXPLAINED,
    config: RolloutConfig = PLAYED,
) -> Callable[[Sequence[Any], Any], Columns]:
    """Return the function that plays an episode for each prompt of `tasks(...)`.

    Beside TRL's fields it gives `env_mask`, and `trajectory`, which reward functions are given too.

    Args:
        env: an id, `module:Class`, `file.py:Class`, or a class.
        kwargs: its arguments.
        prompt: how prompts are made: conversations that keep what was said.
        config: limits; temperature, top_p, top_k, min_p and repetition_penalty are those of GRPOConfig.

    Raises:
        UsageError: if the prompts are no growing conversations, or messages are held to a list of
            actions, which TRL's loss could not follow.
    """
    if prompt.mode != "conversation" or prompt.thoughts != "keep" or prompt.compact_after:
        raise UsageError(
            f"mode {prompt.mode!r}, thoughts {prompt.thoughts!r}, compact_after {prompt.compact_after}: TRL "
            "keeps one sequence an episode; expected mode conversation, thoughts keep, compact_after 0"
        )
    if config.constraint != "none":
        raise UsageError(
            f"constraint {config.constraint!r}: TRL's loss takes every token as drawn from the whole "
            "vocabulary; expected none"
        )
    env_id = env_of(env)

    def play(prompts: Sequence[Any], trainer: Any) -> Columns:
        step = int(trainer.state.global_step)
        tasks = [TaskItem(env_id, dict(kwargs or {}), seed_of(each), episode=step) for each in prompts]
        played = _play(trainer, number_members(tasks), prompt, replace(config, sampling=_sampling(trainer)))
        _warn_of_failed(played)
        return columns_of(played, int(trainer.processing_class.eos_token_id))

    return play


def _warn_of_failed(played: Sequence[Trajectory]) -> None:
    failed = [each for each in played if not each.counts]
    if failed:
        log.warning(
            "%d of %d episodes have no reward, since they failed: the first ended as %s after %.0f s%s",
            len(failed),
            len(played),
            failed[0].end,
            failed[0].seconds,
            "; give them longer: RolloutConfig(deadline_s=...)"
            if failed[0].end == "deadline"
            else f": {failed[0].error}",
        )


def episode_return(trajectory: Sequence[Trajectory], **_: Any) -> list[float | None]:
    """Return the sum of the rewards of each episode, for `reward_funcs`; None where one failed."""
    return [each.episode_return if each.counts else None for each in trajectory]


def seed_of(prompt: Any) -> int:
    """Return the seed that a prompt of `tasks` names.

    Raises:
        UsageError: if it names none.
    """
    seed = prompt[-1].get("seed") if isinstance(prompt, list) and prompt else None
    if seed is None:
        raise UsageError(
            "a prompt whose last message has no seed, which decides the task: make the data set of "
            "turnwise.integrations.trl.tasks(range(1000))"
        )
    return int(seed)


def columns_of(trajectories: Sequence[Trajectory], end_id: int) -> Columns:
    """Return episodes as TRL's rollout functions give them; one that failed is a token that learns nothing.

    Args:
        trajectories: played in conversations.
        end_id: the token that ends a message.

    Raises:
        TrainingError: if a prompt does not continue what was said before.
    """
    columns: Columns = {
        name: [] for name in ("prompt_ids", "completion_ids", "logprobs", "env_mask", "trajectory")
    }
    for trajectory in trajectories:
        sequence: list[list[Any]] = [[end_id], [end_id], [0.0], [0]]
        if trajectory.counts and trajectory.turns:
            sequence = _sequence(trajectory)
        else:
            trajectory = replace(trajectory, turns=())
        for column, value in zip(columns.values(), [*sequence, trajectory], strict=True):
            column.append(value)
    return columns


def _sequence(trajectory: Trajectory) -> list[list[Any]]:
    """Return the first prompt, what follows it, the logprobs of that, and which of it the model said."""
    first = list(trajectory.turns[0].generation.prompt_ids)
    ids, logprobs, mask = list(first), list[float](), list[int]()
    for turn in trajectory.turns:
        said = turn.generation
        new = said.prompt_ids[len(ids) :]
        if list(said.prompt_ids[: len(ids)]) != ids:
            raise TrainingError(
                f"{trajectory.name}: the prompt of turn {turn.index} does not continue what was said before; "
                "TRL keeps one sequence an episode"
            )
        ids += [*new, *said.token_ids]
        logprobs += [0.0] * len(new) + list(said.logprobs)
        mask += [0] * len(new) + [1] * len(said.token_ids)
    return [first, ids[len(first) :], logprobs, mask]


def _sampling(trainer: Any) -> Sampling:
    asked = trainer.args
    return Sampling(
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=asked.top_k or 0,
        min_p=asked.min_p or 0.0,
        repetition_penalty=asked.repetition_penalty,
    )


def _play(
    trainer: Any, tasks: Sequence[TaskItem], prompt: PromptConfig, config: RolloutConfig
) -> Sequence[Trajectory]:
    """Play tasks with the model as it is now; its mode is put back."""
    from trl.models import unwrap_model_for_generation

    was_training = trainer.model.training
    with unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
        model.eval()
        try:
            return loops.anywhere(lambda: loops.complete(_played(trainer, model, tasks, prompt, config)))
        finally:
            model.train(was_training)


async def _played(
    trainer: Any, model: Any, tasks: Sequence[TaskItem], prompt: PromptConfig, config: RolloutConfig
) -> Sequence[Trajectory]:
    from ...agents.models import TransformersLM
    from ...agents.policies.transformers import TransformersPolicy, save_tokenizer

    with tempfile.TemporaryDirectory() as folder:
        save_tokenizer(trainer.processing_class, Path(folder))
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model  # adapters stay in it
        policy = TransformersPolicy(folder, model=TransformersLM(inner), version=trainer.state.global_step)
    async with opened(policy, close=True, server=None, key=None) as client:
        result = await rollout(client, policy, tasks, config, prompt=prompt, seed=trainer.args.seed)
    return result.trajectories
