"""From trajectories to an advantage for every token that learns.

Keep what counts -> pack -> turn table -> reward -> credit -> advantage transform
-> token weights -> turns that branches share. Each part is found by the name in the
recipe.

Shapes: _N targets of the packed batch, _R turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..agents.types import Trajectory, Turn
from ..errors import UsageError
from . import credit as credits
from . import rewards, weights
from .credit import Credit, TurnTable
from .learner.sequences import PackedBatch, pack
from .learner.sharing import average_shared, owner_rows
from .learner.states import CriticStates
from .learner.update import Learner
from .sections import Recipe

__all__ = ["Prepared", "keep", "prepare"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Hold what the learner and the log need of a batch."""

    batch: PackedBatch
    table: TurnTable
    credit: Credit
    advantage_N: Floats
    reference_N: Floats | None
    reading: CriticStates | None  # what the critic's values were read from


def keep(trajectories: Sequence[Trajectory], allow_single: bool) -> list[Trajectory]:
    """Return the trajectories that train: those that count, in groups of two or more."""
    counting = [each for each in trajectories if each.counts and each.turns]
    size = Counter(each.group for each in counting)
    return [each for each in counting if allow_single or size[each.group] > 1]


def prepare(trajectories: Sequence[Trajectory], recipe: Recipe, learner: Learner) -> Prepared:
    """Assign credit to a batch of trajectories that all count.

    Raises:
        UnknownName: if the recipe names a part or a parameter that is not there.
        TableError: if a part lacks a column.
        TrainingError: if the policy returned no tokens.
    """
    owner_R = owner_rows(trajectories)
    once = recipe.plan.shared == "once"
    batch = pack(trajectories, owner_R != np.arange(len(owner_R)) if once else None)
    turns = [turn for each in trajectories for turn in each.turns]
    critic = learner.critic
    reading = critic.read(learner.model, trajectories) if critic else None
    values = critic.columns(reading) if critic and reading else {}
    table = TurnTable.from_trajectories(trajectories, **values)
    needs_reference = learner.objective.needs_reference or recipe.reward.kl_coef > 0
    reference_N = learner.reference_logprobs(batch) if needs_reference else None
    table = _rewarded(table, batch, recipe, reference_N, owner_R if once else None)
    credit = credits.get(recipe.credit.name)(table, **recipe.credit.params)
    for part in recipe.advantage.transforms:
        credit = credits.transforms.get(name_of(part, "advantage"))(table, credit, **params_of(part))
    weighted = weights.get(recipe.weights.name)(credit, turns, **recipe.weights.params)
    if once:
        weighted = average_shared(weighted, owner_R)
    return Prepared(batch, table, credit, _flatten(weighted, turns, batch), reference_N, reading)


def _rewarded(
    table: TurnTable,
    batch: PackedBatch,
    recipe: Recipe,
    reference_N: Floats | None,
    owner_R: NDArray[np.int64] | None,
) -> TurnTable:
    """Scale rewards, take the KL from them, and apply the reward transform."""
    section = recipe.reward
    reward_R = table.reward * section.scale
    if reference_N is not None and section.kl_coef > 0:
        k1_R = np.bincount(batch.row_N, weights=batch.behaviour_N - reference_N, minlength=batch.num_rows)
        if owner_R is not None:
            k1_R = k1_R[owner_R]  # a copy has no targets of its own, and pays what its turn pays
        reward_R = reward_R - section.kl_coef * k1_R
    table = table.with_rewards(reward_R)
    for part in section.transforms:
        table = rewards.get(name_of(part, "reward"))(table, **params_of(part))
    return table


def name_of(part: Mapping[str, Any], section: str) -> str:
    """Return the name of a listed part.

    Raises:
        UsageError: if it has none.
    """
    name = part.get("name")
    if not isinstance(name, str):
        raise UsageError(f"[{section}] transforms: {dict(part)!r} has no name; expected {{name = ..., ...}}")
    return name


def params_of(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a listed part."""
    return {key: value for key, value in part.items() if key != "name"}


def _flatten(weighted: Sequence[Floats], turns: Sequence[Turn], batch: PackedBatch) -> Floats:
    """Return the advantage of each target [N] from one array a turn."""
    length_R = [len(turn.generation.token_ids) for turn in turns]
    start_R = np.concatenate([[0], np.cumsum(length_R)[:-1]]).astype(np.int64)
    flat = np.concatenate([*weighted, np.zeros(0)])
    advantage_N: Floats = flat[start_R[batch.row_N] + batch.offset_N]
    return advantage_N
