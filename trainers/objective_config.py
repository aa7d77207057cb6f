"""What an objective is made of, in words and numbers: the [loss] of a recipe.

Apart from the losses, so that a recipe is read without torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Aggregation", "Correction", "KlKind", "Level", "ObjectiveConfig"]

Level = Literal["token", "turn", "trajectory"]
Aggregation = Literal["token_mean", "turn_mean", "trajectory_mean", "constant"]
KlKind = Literal["k1", "k2", "k3"]
Correction = Literal["none", "truncate", "mask"]


@dataclass(frozen=True, slots=True)
class ObjectiveConfig:
    """The parts of an objective ([loss]); empty names take those of the loss itself."""

    name: str = "ppo"
    aggregation: Literal["", Aggregation] = ""  # how the losses of tokens become one number
    ratio_level: Literal["", Level] = ""  # over what the ratio new/old is averaged
    constant_length: float = 0.0  # tokens, the divisor of aggregation "constant"
    kl: Literal["none", KlKind] = "none"  # how the KL to the reference is estimated
    kl_coef: float = 0.0  # weight of that estimate, in nats a token
    entropy_coef: float = 0.0  # weight of the entropy, in nats a token; positive keeps the policy varied
    off_policy: Correction = "none"  # what is done with the weight old/behaviour
    off_policy_level: Level = "token"  # over what that weight is multiplied
    off_policy_limit: float = 2.0  # the weight is cut at it, or masked outside of [1/limit, limit]
    params: dict[str, Any] = field(default_factory=dict)  # of the loss
    terms: tuple[dict[str, Any], ...] = ()  # added to the loss, each {name = "llds", and its parameters}
