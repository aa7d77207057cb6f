"""The kinds of parts that a recipe names: where each is registered, and where a recipe names it.

A new kind is a line of KINDS: the list of methods, docs/papers.md and the tests follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..credit import base as estimators
from ..credit import transforms as advantages
from ..losses import base as losses
from ..losses import terms
from ..parts import Named, Part, Registry
from ..recipe import Recipe
from ..rewards import base as rewards
from ..rollouts import horizon
from ..rollouts.annotators import base as annotators
from ..rollouts.choosers import base as choosers
from ..rollouts.plans import base as plans
from ..rollouts.samplers import base as samplers
from ..weights import base as weights


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of part.

    Args:
        name: of the kind in commands and on the page.
        key: where a recipe names one: the section, and the key in it where there are several.
        registry: holds its parts.
        named: the parts of this kind that a recipe names, in order.
    """

    name: str
    key: str
    registry: Registry[Any]
    named: Callable[[Recipe], Sequence[Part]]

    @property
    def shipped(self) -> list[Named[Any]]:
        """Return the parts that come with turnwise, by name; a user's own are not among them."""
        parts = [self.registry.get(name) for name in self.registry.names()]
        return [part for part in parts if str(part.function.__module__).startswith("turnwise.")]


KINDS = (
    Kind("credit", "credit", estimators.REGISTRY, lambda recipe: [recipe.credit]),
    Kind("advantage", "advantage.transforms", advantages.REGISTRY, lambda r: r.advantage.transforms),
    Kind("reward", "reward.transforms", rewards.REGISTRY, lambda recipe: recipe.reward.transforms),
    Kind("sampler", "sampling.steps", samplers.REGISTRY, lambda recipe: recipe.sampling.steps),
    Kind("plan", "plan", plans.REGISTRY, lambda recipe: [recipe.plan]),
    Kind("chooser", "rollout.chooser", choosers.REGISTRY, lambda recipe: [recipe.rollout.chooser]),
    Kind("horizon", "rollout.horizon", horizon.REGISTRY, lambda recipe: [recipe.rollout.horizon]),
    Kind("annotator", "annotate.steps", annotators.REGISTRY, lambda recipe: recipe.annotate.steps),
    Kind("loss", "loss", losses.REGISTRY, lambda recipe: [recipe.loss]),
    Kind("term", "loss.terms", terms.REGISTRY, lambda recipe: recipe.loss.terms),
    Kind("weights", "weights", weights.REGISTRY, lambda recipe: [recipe.weights]),
)
