"""Who takes part in the race, and how: every recipe of a paper, made small by the line of docs/papers.md.

All begin with the demo's warm start, are asked as it was, and play the demo's tasks, 32 episodes an update.
What a recipe says of credit, losses, weights, samplers and plans stays as it is, and so does the size of its
groups.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from turnwise.trainers import recipe
from turnwise.trainers.catalogue.origins import chain
from turnwise.trainers.recipe import Recipe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "papers.md"
WARM = Path(__file__).resolve().parents[2] / "trainers" / "warmstarts" / "demo"
EPISODES, MINIBATCHES, UPDATES = 32, 4, 60
STORED = 512  # episodes, for those that play none: as many as sixteen updates of the others have


def names() -> list[str]:
    """Return the recipes that extend `grpo`, itself first; not those that programs play."""
    extending = (name for name in recipe.shipped() if "grpo" in chain(name)[1:])
    return ["grpo", *(name for name in extending if not recipe.load(name).harness.command)]


def entrant(name: str) -> Recipe:
    """Return a recipe as it takes part."""
    shipped = recipe.load(name)
    size = shipped.rollout.group_size
    overrides = [
        *_small_machine(),
        "policy.checkpoint=demo",
        "env.train_kwargs={split = 'train'}",
        "env.eval_kwargs={split = 'unseen'}",
        f"rollout.num_groups={max(1, EPISODES // size)}",
        f"rollout.slots={EPISODES}",
        f"optim.num_minibatches={min(MINIBATCHES, shipped.optim.num_minibatches)}",
        "optim.micro_tokens=4096",
        "optim.head_chunk=0",
        "optim.checkpointing=false",
        "optim.old_logprobs=behaviour",
        f"train.num_updates={UPDATES}",
        "train.max_seconds=0",
        f"train.save_every={UPDATES}",
        "train.threads=1",
        "eval.episodes=0",
        "server.spawn=false",
        "log.console=false",
        "log.trajectories=none",
    ]
    return replace(recipe.load(name, overrides), prompt=recipe.load("demo").prompt)


def _small_machine() -> list[str]:
    """Return the settings of the page's line for a small machine."""
    section = PAGE.read_text().partition("## Recipes on a small machine")[2]
    (command,) = re.findall(r"    turnwise train ((?:.*\\\n)*.*)\n", section.partition("\n## ")[0])
    return command.replace("\\\n", " ").split()[2::2]
