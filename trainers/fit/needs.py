"""What of a recipe needs how much memory, and which setting to change where it does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...agents.models.lora import ADAPTER
from ...errors import UsageError
from ..assign import Assigner
from ..losses import Objective
from ..policies import cache_tokens
from ..recipe import Recipe
from ..validate import named_policy
from .passes import Learned, Model, Pass, Sampled
from .shapes import config_of

GIB = 1 << 30
_DRIVER = GIB  # [assumed] the context of the driver and the workspaces of its libraries
_SMALLEST_SLOTS = 8


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that takes memory: when it is there, and which setting decides how much it is."""

    name: str
    update: int  # bytes of the device while weights are learned
    rollout: int  # while episodes are played
    host: int  # bytes of the machine's own memory
    key: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """All that a recipe needs."""

    needs: tuple[Need, ...]
    longest: int  # tokens of one sequence
    micro_tokens: int

    @property
    def update(self) -> int:
        """Return the bytes of the device while weights are learned."""
        return sum(need.update for need in self.needs)

    @property
    def rollout(self) -> int:
        """Return the bytes of the device while episodes are played."""
        return sum(need.rollout for need in self.needs)

    @property
    def most(self) -> int:
        """Return the bytes that the device must have."""
        return max(self.update, self.rollout)


def model_of(recipe: Recipe) -> Model:
    """Return the shape of the model that a recipe names.

    Raises:
        UsageError: if the policy is of another kind, or its configuration is not on this machine.
        CheckpointError: if a folder is named that is no policy.
    """
    return Model(config_of(recipe.policy, recipe.warmstart.base), recipe.policy)


def estimate(recipe: Recipe, model: Model | None = None) -> Estimate:
    """Return what a recipe needs at most, every episode as long as it may be.

    Args:
        recipe: of kind transformers.
        model: its shape, where it is known already.

    Raises:
        UsageError: if the policy is of another kind, or its configuration is not on this machine.
        CheckpointError: if a folder is named that is no policy.
    """
    model = model or model_of(recipe)
    rollout, optim = recipe.rollout, recipe.optim
    length = min(rollout.max_episode_tokens, model.context)
    said = min(rollout.max_tokens or length, length - 1)
    growing = recipe.prompt.mode == "conversation"
    rows, each = _fullest(optim.micro_tokens, length)
    targets = min(each - 1, said * (rollout.max_turns if growing else 1))
    # the prompt of a conversation grows: its first one is taken to be a quarter of it at most
    prompt = max(1, length // 4 if growing else length - said)
    learned = model.learned(Pass(rows, each, targets), optim, Objective(recipe.loss).entropy)
    under_way = min(rollout.slots, rollout.num_groups * rollout.group_size)
    sampled = model.sampled(Pass(under_way, length, prompt), rollout.mask.is_on)
    held = cache_tokens(recipe.policy, rollout) if growing else 0
    needs = tuple(_needs(recipe, learned, sampled, held, model.gathered()))
    if recipe.train.staleness:  # both are there at once
        needs = tuple(map(_at_once, (*needs, *_copied(recipe, learned))))
    return Estimate(needs, length, optim.micro_tokens)


def _fullest(micro_tokens: int, longest: int) -> tuple[int, int]:
    """Return rows and length of the pass with most tokens: the longest sequences, or one more and shorter."""
    rows = max(1, micro_tokens // longest)
    shorter = micro_tokens // (rows + 1)
    return (rows + 1, shorter) if (rows + 1) * shorter > rows * longest else (rows, longest)


def _at_once(need: Need) -> Need:
    """Return what is needed where weights are learned while episodes are played."""
    both = max(need.update, need.rollout)
    return replace(need, update=both, rollout=both)


def _copied(recipe: Recipe, learned: Learned) -> Iterator[Need]:
    """Yield the weights that episodes are played with, where they are not an engine's."""
    if recipe.policy.kind == "transformers":
        yield Need("copy that samples", learned.weights, learned.weights, 0, "train.mode")


def _needs(
    recipe: Recipe, learned: Learned, sampled: Sampled, held_tokens: int, gathered: int
) -> Iterator[Need]:
    away, learners = recipe.optim.adam == "offload", recipe.launch.learners
    states = "optim.adam"
    yield Need("weights", learned.weights, learned.weights, 0, "policy.checkpoint, policy.dtype")
    if learners > 1:  # the first has them whole besides, for the engine
        part = 0 if learned.copies else -(-learned.weights // learners)
        yield Need("part of the weights", part, part, 0, "launch.learners")
        yield Need("gathered for a pass", gathered, 0, 0, "launch.learners")
    for name, size, in_rollout, key in (
        ("float32 copies", learned.copies, True, f"optim.master, {states}"),
        ("gradients", learned.gradients, False, states),
        ("Adam", learned.moments, True, states),
    ):
        size = -(-size // learners)
        here = 0 if away else size
        yield Need(name, here, here if in_rollout else 0, size - here, key)
    reference = -(-learned.weights // learners) if _has_copy(recipe) else 0
    yield Need("reference", reference, reference, 0, "loss.kl_coef, reward.kl_coef, policy.lora_rank")
    if recipe.rollout.mask.is_on:
        copied = learned.gradients if recipe.policy.lora_rank else learned.weights
        yield Need("mask policy", copied, copied, 0, "rollout.mask.top_p")
    yield Need("activations", learned.activations, 0, 0, "optim.micro_tokens, optim.checkpointing")
    yield Need("logits and passing", learned.logits, 0, 0, "optim.head_chunk, optim.micro_tokens")
    slots = recipe.rollout.slots * recipe.rollout.max_episode_tokens
    twice = 2 if recipe.rollout.mask.is_on else 1  # the mask policy reads what the policy does
    kept = twice * sampled.token * min(held_tokens, slots)
    yield Need("keys and values", 0, twice * sampled.cache, 0, "rollout.slots, rollout.max_episode_tokens")
    yield Need("those between turns", kept, kept, 0, "policy.cache_tokens")
    yield Need("passes of a rollout", 0, sampled.forward, 0, "rollout.slots")
    yield Need("driver, assumed", _DRIVER, _DRIVER, 0, "")


def _has_copy(recipe: Recipe) -> bool:
    """Tell whether a second model is held as the reference: not where a new adapter can be left out."""
    assigner = Assigner.of(recipe.reward, recipe.credit, recipe.advantage, recipe.weights, recipe.plan)
    if not (Objective(recipe.loss).needs_reference or assigner.needs_reference):
        return False
    named = named_policy(recipe.policy, recipe.warmstart.base)
    return not recipe.policy.lora_rank or (bool(named) and (Path(named) / ADAPTER).is_file())


def check_fits(recipe: Recipe, gib: float, model: Model | None = None) -> None:
    """Refuse a recipe that needs more memory than a device has.

    Args:
        recipe: of kind transformers.
        gib: what the device has, in GiB.
        model: its shape, where it is known already.

    Raises:
        UsageError: with the settings that would make it fit, or with what is smallest.
    """
    model = model or model_of(recipe)
    found = estimate(recipe, model)
    if found.most <= gib * GIB:
        return
    phase = "an update" if found.update >= found.rollout else "a rollout"
    changes, smallest = _changes(recipe, model, gib)
    flags = " ".join(f"--set {change}" for change in changes)
    if smallest <= gib * GIB:
        advice = f"with {flags} it takes {smallest / GIB:.1f}"
    else:
        even = f"even with {flags} " if flags else "with the least of all settings "
        advice = f"{even}it takes {smallest / GIB:.1f}: take a smaller model, or more memory"
    raise UsageError(f"{phase} takes {found.most / GIB:.1f} GiB of {gib:g}; {advice}")


def _changes(recipe: Recipe, model: Model, gib: float) -> tuple[list[str], int]:
    """Return the settings that make a recipe fit, one after another, and what it takes then."""
    made: dict[str, str] = {}
    most = estimate(recipe, model).most
    for _ in range(24):
        found = estimate(recipe, model)
        most = found.most
        if most <= gib * GIB:
            break
        change = _next_change(recipe, found)
        if change is None:
            break
        section, key, value = change
        recipe = replace(recipe, **{section: replace(getattr(recipe, section), **{key: value})})
        made[f"{section}.{key}"] = str(value).lower()
    return [f"{key}={value}" for key, value in made.items()], most


def _next_change(recipe: Recipe, found: Estimate) -> tuple[str, str, Any] | None:
    """Return the next setting to try, those that cost least time first; None where there is none."""
    optim, rollout = recipe.optim, recipe.rollout
    if found.update >= found.rollout:
        if not optim.head_chunk:
            return "optim", "head_chunk", 256
        if not optim.checkpointing:
            return "optim", "checkpointing", True
        if optim.micro_tokens > found.longest:
            return "optim", "micro_tokens", max(found.longest, optim.micro_tokens // 2)
    elif rollout.slots > _SMALLEST_SLOTS:
        return "rollout", "slots", max(_SMALLEST_SLOTS, rollout.slots // 2)
    return ("optim", "adam", "offload") if optim.adam != "offload" else None


def lines(found: Estimate) -> Iterator[str]:
    """Yield an estimate as a table."""
    yield f"{'GiB':20} {'update':>8} {'rollout':>8} {'host':>8}  set by"
    for need in found.needs:
        sizes = " ".join(f"{size / GIB:8.2f}" for size in (need.update, need.rollout, need.host))
        yield f"{need.name:20} {sizes}  {need.key}".rstrip()
    yield f"{'together':20} {found.update / GIB:8.2f} {found.rollout / GIB:8.2f}"
    if found.longest > found.micro_tokens:
        yield (
            f"a sequence of {found.longest} tokens is longer than optim.micro_tokens = {found.micro_tokens}: "
            "it is one pass all the same, since what is attended to cannot be cut"
        )
