"""Shipped recipes as they are but for their sizes, on their own environment or on a game of three turns.

A recipe keeps its environment where it reads what only that one tells (gold answers, tiers).
"""

from __future__ import annotations

from turnwise.trainers import recipe
from turnwise.trainers.recipe import Recipe

_SIZES = [
    "warmstart.base=",
    "warmstart.teacher=none",
    "warmstart.episodes=2",
    "warmstart.optimizer=adamw",
    "warmstart.copy_steps=0",
    "rollout.num_groups=2",
    "rollout.max_tokens=24",
    "rollout.max_episode_tokens=4096",
    "rollout.constraint=admissible",
    "optim.num_minibatches=2",
    "optim.learning_rate=1e-4",
    "train.max_seconds=0.0",
    "eval.episodes=0",
    "server.spawn=false",
    "log.console=false",
    "log.trajectories=none",
]
TINY = [
    "policy.kind=tiny",
    "policy.checkpoint=",
    "policy.dtype=float32",
    "policy.vocab_size=300",
    "policy.hidden_size=16",
    "policy.num_layers=1",
    "policy.num_heads=1",
    "policy.num_kv_heads=1",
    "policy.intermediate_size=16",
    "policy.context_tokens=4096",
]
_SHOP = "env.kwargs={difficulty = 'easy', num_products = 60, choices = true}"
OWN_WORLD = {
    "gated": _SHOP,
    "shopping_tiny": _SHOP,
    "igpo": "env.kwargs={choices = true, reward = 'f1', num_questions = 200}",
    "otc": "env.kwargs={choices = true, reward = 'f1', num_questions = 200}",
    "aspo": "env.kwargs={choices = true, reward = 'f1', num_questions = 200}",
    "step_grpo": "env.kwargs={choices = true, reward = 'f1', num_questions = 200}",
    "ppr": "env.kwargs={choices = true, reward = 'f1', num_questions = 200}",
    "dvao": "env.kwargs={choices = true, reward = 'f1'}",
    "gdpo": "env.kwargs={choices = true, reward = 'f1', num_questions = 200}",
    "noisy": "env.kwargs={choices = true}",
    "ghpo": "env.id=household/demo-v0",  # asks its expert
}
OWN_WORLD |= {
    name: "env.eval_kwargs={split = 'train'}" for name in recipe.shipped() if name.startswith("swe_")
}
_GROUP_SIZES = {"gigpo_tree": 8, "spo_tree": 8, "arpo_branching": 10}


def small(name: str, world: str, policy: list[str], num_updates: int, plain: bool) -> Recipe:
    """Return a shipped recipe in small.

    Args:
        name: the recipe.
        world: the environment of those without a world of their own.
        policy: overrides that choose the policy.
        num_updates: how many to take.
        plain: answer with the action alone where the recipe has tags.
    """
    shipped = recipe.load(name)
    overrides = [*_SIZES, *policy, f"rollout.group_size={_GROUP_SIZES.get(name, 4)}"]
    overrides += [f"train.num_updates={num_updates}"]
    overrides += ["prompt.style=plain"] if plain and shipped.prompt.style == "tags" else []
    if name in OWN_WORLD:
        overrides += [OWN_WORLD[name], "rollout.max_turns=3"]
    else:
        overrides += [f"env.id={world}", "env.kwargs={}", "env.train_kwargs={}", "env.eval_kwargs={}"]
        overrides += ["env.mix=[]"] if shipped.env.mix else []
    return recipe.load(name, overrides)
