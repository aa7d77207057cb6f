"""Rules of the shop: search, open a product, choose its options, buy."""

from __future__ import annotations

from ..types import Trajectory
from .registry import Rank, rule

_BUY = "click[buy now]"


def _bought(trajectory: Trajectory) -> bool:
    return any(turn.action.strip().lower() == _BUY for turn in trajectory.turns)


def _reached(trajectory: Trajectory, tier: str) -> bool:
    return any(turn.rewards.get(tier, 0.0) > 0 for turn in trajectory.turns)


def _tells(trajectory: Trajectory) -> bool:
    return any(turn.rewards for turn in trajectory.turns)


@rule("never_searched", "it never used the search", rank=Rank.TASK, family="shopping")
def never_searched(trajectory: Trajectory) -> bool:
    """Tell whether no search was made."""
    return not any(turn.action.lower().startswith("search[") for turn in trajectory.turns)


@rule("wrong_object", "it bought without having opened the wanted product", rank=Rank.TASK, family="shopping")
def wrong_object(trajectory: Trajectory) -> bool:
    """Tell whether something else was bought, where the environment's tiers tell."""
    return _tells(trajectory) and _bought(trajectory) and not _reached(trajectory, "opened")


@rule("not_found", "the wanted product was in no list that it saw", rank=Rank.TASK, family="shopping")
def not_found(trajectory: Trajectory) -> bool:
    """Tell whether the searches were the wrong ones, where the environment's tiers tell."""
    return _tells(trajectory) and not _reached(trajectory, "found")


@rule("wrong_options", "it bought after having opened the wanted product", rank=Rank.TASK, family="shopping")
def wrong_options(trajectory: Trajectory) -> bool:
    """Tell whether the product was there and the choice was not right."""
    return _bought(trajectory)
