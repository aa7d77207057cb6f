"""What holds a run up, in one line, with the key of the recipe to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..recipe import Recipe

_MUCH = 0.25  # of an update, for which a change is worth the trouble
_FULL = 0.85


def bottleneck(entry: Mapping[str, Any], recipe: Recipe) -> str:
    """Return what holds a run up.

    Args:
        entry: the line of an update, with the figures of its time (timeline.spent).
        recipe: of the run.
    """
    total = max(sum(entry[f"time/{name}"] for name in ("sync", "wait", "credit", "learner")), 1e-9)
    share = {name: entry[f"time/{name}"] / total for name in ("sync", "wait", "credit", "learner")}
    learning = share["credit"] + share["learner"]
    if max(share, key=lambda name: share[name]) == "sync":
        moved = (
            "policy.lora_rank moves less" if not recipe.policy.lora_rank else "policy.engine.folder in memory"
        )
        return f"sync: {share['sync']:.0%} of an update bring weights to the engine; {moved}"
    if not recipe.train.staleness and min(learning, share["wait"]) >= _MUCH:
        return (
            f"turns: the engine waits {learning:.0%} of an update for the learner, which waits "
            f"{share['wait']:.0%} for episodes; train.mode = 'async' lets both work"
        )
    if learning >= share["wait"]:
        return _of_learner(share, learning, recipe)
    return _of_episodes(entry, share["wait"], recipe)


def _of_learner(share: Mapping[str, float], learning: float, recipe: Recipe) -> str:
    if share["credit"] > share["learner"]:
        reads = recipe.loss.kl_coef or recipe.reward.kl_coef
        key = (
            "loss.kl_coef or reward.kl_coef = 0 spares the reference"
            if reads
            else "credit.name is what computes"
        )
        return f"credit: {share['credit']:.0%} of an update, more than the steps; {key}"
    steps = recipe.optim.num_epochs > 1
    key = "fewer optim.num_epochs read less" if steps else "a larger optim.micro_tokens reads more at once"
    return f"learner: at work for {learning:.0%} of an update; {key}"


def _of_episodes(entry: Mapping[str, Any], wait: float, recipe: Recipe) -> str:
    engine, environment = entry["time/busy_engine"], entry["time/busy_environment"]
    said = f"the learner waits {wait:.0%} of an update"
    if recipe.harness.command:
        return f"programs: {said}; harness.workers says how many run at once"
    if environment > engine:
        served = recipe.server.spawn or recipe.server.url
        key = "server.url of a server with more workers" if served else "server.spawn = true apart from this"
        return f"environments: {said}; steps are under way for {environment:.0%} of it; {key}"
    more = engine >= _FULL and recipe.policy.kind == "vllm"
    key = "policy.engine.urls names more engines" if more else "rollout.slots says how many at once"
    return f"engine: {said}; messages are under way for {engine:.0%} of it; {key}"
