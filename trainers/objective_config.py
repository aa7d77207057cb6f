"""What an objective is made of, in words and numbers: the [loss] of a recipe.

Apart from the losses, so that a recipe is read without torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from ..settings import Setting
from .parts import Part

Level = Literal["token", "turn", "trajectory"]
Aggregation = Literal["token_mean", "turn_mean", "trajectory_mean", "constant"]
KlKind = Literal["k1", "k2", "k3"]
Correction = Literal["none", "truncate", "mask"]


@dataclass(frozen=True, slots=True)
class ObjectiveConfig(Part):
    """The parts of an objective ([loss]); empty words take those of the loss itself."""

    name: Annotated[str, Setting("The loss.")] = "ppo"
    aggregation: Annotated[Literal["", Aggregation], Setting("How tokens become one number.")] = ""
    ratio_level: Annotated[Literal["", Level], Setting("Over what the ratio new/old is averaged.")] = ""
    constant_length: Annotated[float, Setting("Tokens; the divisor of aggregation constant.")] = 0.0
    kl: Annotated[Literal["none", KlKind], Setting("Estimate of the KL to the reference.")] = "none"
    kl_coef: Annotated[float, Setting("Weight of the KL, which is in nats a token.")] = 0.0
    entropy_coef: Annotated[
        float, Setting("Weight of the entropy, in nats a token; above 0 it keeps the policy varied.")
    ] = 0.0
    off_policy: Annotated[
        Correction, Setting("What is done with the weight old/behaviour; truncate where episodes play ahead.")
    ] = "none"
    off_policy_level: Annotated[Level, Setting("Over what that weight is averaged, geometrically.")] = "token"
    off_policy_limit: Annotated[
        float,
        Setting(
            "The weight is cut at it, or masked outside of 1/limit and limit; "
            "means over a turn or trajectory lie near 1 and want one near 1."
        ),
    ] = 2.0
    terms: tuple[Part, ...] = ()  # added to the loss
