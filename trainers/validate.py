"""Whether a recipe can train: its parts found and bound, its numbers checked, nothing written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..agents.gateway.programs import words_of
from ..agents.policies.places import model_place, policy_folder, shipped_policy
from ..agents.sampling import NEUTRAL, NOT_REPLAYED
from ..envs import make
from ..errors import UsageError
from .assign import Assigner
from .credit import Head
from .learner.config import OptimConfig
from .learner.heads import find_heads
from .losses import Objective
from .objective_config import ObjectiveConfig
from .parallel.place import placed
from .policies import Kind, agent_settings
from .policies import get as get_kind
from .recipe import Recipe
from .rollouts.bound import RolloutParts
from .rollouts.choosers.picks import check_chooser
from .rollouts.mixture import choices_of
from .rollouts.samplers.base import Sampler
from .sections import EnvSection, PolicySection, RolloutSection, TrainSection
from .trackers import check as check_trackers
from .user_files import import_parts


@dataclass(frozen=True, slots=True)
class Bound:
    """The parts that a recipe names, each with its parameters."""

    rollouts: RolloutParts
    assigner: Assigner
    heads: tuple[Head, ...]


def validate(recipe: Recipe) -> Bound:
    """Find every part that a recipe names, and refuse what cannot train.

    Raises:
        UnknownName: for a part or parameter that is not there.
        UsageError: for numbers that do not fit together.
        CheckpointMissing: if the policy that it names is not there.
    """
    import_parts(recipe.parts.files)
    assigner = Assigner.of(recipe.reward, recipe.credit, recipe.advantage, recipe.weights, recipe.plan)
    bound = Bound(
        RolloutParts.of(recipe.rollout, recipe.plan, recipe.sampling, recipe.annotate),
        assigner,
        find_heads(assigner.estimator.heads, recipe.critic.heads),
    )
    check_trackers(recipe.log.to)
    Objective(recipe.loss)
    kind = get_kind(recipe.policy.kind)
    if recipe.policy.lora_rank and not kind.language_model:
        raise UsageError(
            f"policy.lora_rank: a {kind.name} policy trains whole; set it to 0, or policy.kind=transformers"
        )
    _check_mask(recipe.rollout, kind)
    kind.check(recipe.policy, recipe.rollout)
    _check_launch(recipe, kind)
    _check_parts(recipe, bound)
    _check_numbers(recipe.rollout, recipe.train, recipe.optim)
    _check_ahead(recipe, bound.rollouts)
    agent_settings(recipe.prompt, recipe.rollout)
    named_policy(recipe.policy, recipe.warmstart.base)
    choices = choices_of(recipe.env)
    _check_harness(recipe, bound.rollouts)
    plays = _check_stored(recipe, bound.rollouts)
    if plays and not recipe.server.url and not recipe.harness.posted:
        for choice in choices:
            with make(choice.id, **choice.train_kwargs) as env:
                _check_expert(bound.rollouts.samplers, choice.id, env.text_env.no_expert)
            make(choice.id, **choice.eval_kwargs).close()
    return bound


def _check_mask(rollout: RolloutSection, kind: Kind) -> None:
    if rollout.mask.is_on and not kind.masks:
        raise UsageError(
            f"rollout.mask.top_p is {rollout.mask.top_p:g} with policy.kind {kind.name!r}: a mask is read "
            "off a second policy, which follows slowly, and its engines hold one; set rollout.mask.top_p = "
            "1.0 (no mask), or policy.kind to 'tiny' or 'transformers'"
        )


def _check_numbers(rollout: RolloutSection, train: TrainSection, optim: OptimConfig) -> None:
    if rollout.group_size < 1 or (rollout.group_size == 1 and not train.allow_single):
        raise UsageError(
            f"rollout.group_size is {rollout.group_size}: a group of one has nothing to compare with; "
            "use 2 or more, or set train.allow_single = true"
        )
    if rollout.sampling.temperature <= 0:
        raise UsageError("rollout.temperature is 0: greedy episodes have no probabilities to train on")
    for name in rollout.sampling.changed:
        if name in NOT_REPLAYED:
            raise UsageError(
                f"rollout.{name} is {getattr(rollout.sampling, name)}: the learner cannot replay it, since "
                f"{NOT_REPLAYED[name]}; set it to {getattr(NEUTRAL, name)} (temperature, top_p, top_k and "
                "min_p can be trained with)"
            )
    if rollout.num_groups * rollout.group_size < optim.num_minibatches:
        raise UsageError(
            f"optim.num_minibatches is {optim.num_minibatches}, more than the "
            f"{rollout.num_groups * rollout.group_size} episodes of an update"
        )
    for name in ("num_updates", "save_every", "keep", "threads"):
        if getattr(train, name) < 1:
            raise UsageError(f"train.{name} is {getattr(train, name)}; expected at least 1")


def _check_ahead(recipe: Recipe, rollouts: RolloutParts) -> None:
    """Refuse what episodes that are played ahead of the learner cannot be learned from with."""
    most, slots = recipe.train.most_slots, recipe.rollout.slots
    if most and (most < slots or not recipe.train.staleness):
        raise UsageError(
            f"train.most_slots = {most} with rollout.slots = {slots}: expected more slots, and train.mode = "
            "'async' with a max_staleness above 0: a synchronous run repeats itself bit for bit"
        )
    if not recipe.train.staleness:
        return
    where = f"train.mode = 'async' with train.max_staleness = {recipe.train.max_staleness}"
    if recipe.offline.trajectories:
        raise UsageError(f"{where}: nothing is played where episodes are stored; set train.mode = 'sync'")
    if recipe.loss.off_policy != "none" and recipe.optim.old_logprobs == "behaviour":
        raise UsageError(
            f"{where}: loss.off_policy = {recipe.loss.off_policy!r} weighs old/behaviour, which is 1 where "
            "optim.old_logprobs = 'behaviour' takes one for the other; set it to 'recompute'"
        )
    if any(sampler.name == "replay" for sampler in rollouts.samplers):
        raise UsageError(
            f"{where}: sampling 'replay' learns from what is older than that, and such tokens are masked; "
            "train without this sampler, or set train.mode = 'sync'"
        )


def _check_launch(recipe: Recipe, kind: Kind) -> None:
    """Refuse what several learners cannot do."""
    if max(recipe.launch.learners, placed().world) == 1:
        return
    if kind.weights is None:
        raise UsageError(
            f"launch.learners = {recipe.launch.learners} with policy.kind {kind.name!r}: it does not say how "
            "its model is loaded alone; register it with weights=, or set launch.learners = 1"
        )
    if recipe.optim.adam == "offload":
        raise UsageError(
            'launch.learners with optim.adam = "offload": each learner keeps its part of what Adam has where '
            'it computes; set optim.adam = "fused"'
        )


def _check_harness(recipe: Recipe, rollouts: RolloutParts) -> None:
    """Refuse what a program that plays the episodes cannot be asked for."""
    if not recipe.harness.command:
        if recipe.harness.posted:
            raise UsageError("harness.posted: there is no program that posts rewards; set harness.command")
        return
    words_of(recipe.harness.command)
    if rollouts.plan is not None:
        raise UsageError(
            f"plan {recipe.plan.name!r} with harness.command: a program cannot be forked; expected plan.name "
            "'independent'"
        )
    helping = [sampler.name for sampler in rollouts.samplers if sampler.helps]
    if helping:
        raise UsageError(
            f"sampling {helping[0]!r} with harness.command: a program makes its own prompts, and cannot be "
            "given turns or words; train without this sampler"
        )
    if recipe.harness.posted and recipe.rollout.constraint != "none":
        raise UsageError(
            f"rollout.constraint = {recipe.rollout.constraint!r} with harness.posted: the actions that may "
            "be said are those of a session; set rollout.constraint = 'none'"
        )
    if recipe.harness.posted and recipe.eval.episodes:
        raise UsageError(
            f"eval.episodes = {recipe.eval.episodes} with harness.posted: held-out tasks are those of an "
            "environment of ours; set eval.episodes = 0"
        )
    if recipe.harness.posted and not recipe.policy.checkpoint:
        raise UsageError(
            "policy.checkpoint is empty with harness.posted: a policy that does not exist yet learns its "
            f"words from demonstrations of env.id, and {recipe.env.id!r} is a name alone; set "
            "policy.checkpoint = 'demo' (the small policy that ships), the folder of a run, or a model's"
        )


def _check_stored(recipe: Recipe, rollouts: RolloutParts) -> bool:
    """Refuse what only played episodes can have; tell whether any are played, if only to evaluate."""
    if not recipe.offline.trajectories:
        return True
    asked = {
        "rollout.chooser": rollouts.chooser is not None,
        "plan.name": rollouts.plan is not None,
        "rollout.horizon": rollouts.horizon is not None,
        "rollout.mask": recipe.rollout.mask.is_on,
        "sampling.steps": bool(rollouts.samplers),
        "annotate.steps": bool(rollouts.annotators),
        "harness.command": bool(recipe.harness.command),
    }
    for name in (name for name, given in asked.items() if given):
        raise UsageError(
            f"{name} with offline.trajectories: it says how episodes are played for training, and none are; "
            "leave it out"
        )
    return bool(recipe.eval.episodes)


def _check_parts(recipe: Recipe, bound: Bound) -> None:
    """Refuse parts that the rest of the recipe leaves nothing to do, or does not let do it."""
    for sampler in bound.rollouts.samplers:
        _check_sampler(recipe, sampler)
    if bound.assigner.estimator.by_task and not recipe.env.num_tasks:
        raise UsageError(
            f"credit {recipe.credit.name!r} goes by what is remembered of each task, and with "
            "env.num_tasks = 0 no task comes again: set env.num_tasks"
        )
    if bound.rollouts.chooser is not None:
        check_chooser(bound.rollouts.chooser.name, recipe.env.num_tasks)


def _check_sampler(recipe: Recipe, sampler: Sampler) -> None:
    if sampler.name == "replay":
        _check_replay(recipe.env, recipe.optim, recipe.loss)
    prompt = recipe.prompt
    gives_turns = sampler.name == "dr_po" or sampler.params.get("given") == "turns"
    if gives_turns and (prompt.style == "plan" or prompt.tools == "native"):
        raise UsageError(
            f"sampling {sampler.name!r} gives turns to episodes, which prompt.style {prompt.style!r} with "
            f"prompt.tools {prompt.tools!r} cannot write: set style to 'plain' or 'tags' and tools to 'text'"
        )


def _check_expert(samplers: Sequence[Sampler], env_id: str, no_expert: str | None) -> None:
    asking = [sampler.name for sampler in samplers if sampler.expert]
    if asking and no_expert is not None:
        raise UsageError(
            f"sampling {asking[0]!r} asks the environment's expert, and {env_id} has none: {no_expert}"
        )


def _check_replay(env: EnvSection, optim: OptimConfig, loss: ObjectiveConfig) -> None:
    if not env.num_tasks:
        raise UsageError(
            "sampling 'replay' stores successes by task, and with env.num_tasks = 0 no task comes again: "
            "set env.num_tasks"
        )
    if optim.old_logprobs != "behaviour" and loss.off_policy == "none":
        raise UsageError(
            "sampling 'replay' trains on what older policies sampled: set optim.old_logprobs = 'behaviour' "
            "or loss.off_policy, so that the ratio is against them"
        )


def named_policy(section: PolicySection, base: str = "") -> str:
    """Return the policy that a recipe names: a shipped one, a folder, or a name of the hub; "" for none yet.

    Args:
        section: names it.
        base: the model that a warm start goes on from, if one is named.

    Raises:
        CheckpointMissing: if it is not one of these.
        UsageError: if none is named and none can be made.
    """
    given = section.checkpoint
    if not given:
        if get_kind(section.kind).language_model and not base:
            raise UsageError(
                "policy.checkpoint is empty: only a policy of kind 'tiny' can be made from nothing; name a "
                "model there, or in warmstart.base one that demonstrations are cloned into first"
            )
        return ""
    language_model = get_kind(section.kind).language_model
    own = shipped_policy(given) or (None if language_model else policy_folder(Path(given)))
    return model_place(given) if own is None else str(own)
