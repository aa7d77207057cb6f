"""From trajectories to an advantage for every token that learns.

Keep what counts -> pack -> turn table -> reward -> credit -> advantage transform
-> token weights -> turns that branches share. Each part is one that the recipe names.

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
from . import credit as credits
from . import rewards, weights
from .credit import Credit, Estimator, TurnTable
from .learner.sequences import Lag, PackedBatch, pack
from .learner.sharing import average_shared, learned_rows, owner_rows
from .parts import Named
from .rewards import RewardTransform
from .sections import AdvantageSection, CreditSection, PlanSection, RewardSection, WeightsSection
from .weights import Lesson, Weighter

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Assigner:
    """What turns trajectories into advantages.

    Args:
        scale: of every reward, first of all.
        kl_coef: of the KL to the reference, taken from the turn's reward.
        transforms: of rewards, in this order.
        estimator: assigns credit to turns.
        advantages: transforms of the credit, in this order.
        weighter: hands the credit of a turn to its tokens.
        once: whether turns that branches share are learned from once.
    """

    scale: float
    kl_coef: float
    transforms: tuple[RewardTransform, ...]
    estimator: Estimator
    advantages: tuple[Named[Credit], ...]
    weighter: Weighter
    once: bool

    @classmethod
    def of(
        cls,
        reward: RewardSection,
        credit: CreditSection,
        advantage: AdvantageSection,
        weighter: WeightsSection,
        plan: PlanSection,
    ) -> Assigner:
        """Bind the parts that a recipe names.

        Raises:
            UnknownName: for a part or a parameter that is not there.
            UsageError: if a part has no name, or lacks a parameter.
        """
        return cls(
            reward.scale,
            reward.kl_coef,
            tuple(rewards.bind(part) for part in reward.transforms),
            credits.bind(credit),
            tuple(credits.transforms.bind(part) for part in advantage.transforms),
            weights.bind(weighter),
            plan.shared == "once",
        )

    @property
    def needs_reference(self) -> bool:
        """Tell whether it reads what the reference says of the tokens."""
        return self.kl_coef > 0 or self.estimator.against_reference

    def pack(self, trajectories: Sequence[Trajectory], lag: Lag | None = None) -> PackedBatch:
        """Return what the learner reads; turns that branches share are targets once, if that is wanted."""
        copied_R = ~learned_rows(trajectories)
        if self.once:
            owner_R = owner_rows(trajectories)
            copied_R |= owner_R != np.arange(len(owner_R))
        return pack(trajectories, copied_R, lag)

    def assign(
        self,
        trajectories: Sequence[Trajectory],
        batch: PackedBatch,
        values: Mapping[str, Any],
        reference_N: Floats | None,
        progress: float = 0.0,
        state: Any = None,
    ) -> Assigned:
        """Assign credit to a batch of trajectories that all count.

        Args:
            trajectories: whole groups.
            batch: the same trajectories, packed.
            values: columns of the turn table that a critic read.
            reference_N: logprobs of the reference, where a KL is taken from the reward.
            progress: how much of the run is done, from 0 to 1.
            state: what the estimator remembers, if it does; None: nothing yet.

        Raises:
            TableError: if a part lacks a column.
            TrainingError: if the policy returned no tokens.
        """
        owner_R = owner_rows(trajectories)
        turns = [turn for trajectory in trajectories for turn in trajectory.turns]
        table = TurnTable.from_trajectories(trajectories, **values)
        table = self._rewarded(table, batch, reference_N, owner_R)
        credit, state = self.estimator.step(table, state)
        for transform in self.advantages:
            credit = transform(table, credit)
        by_turn_N = credit.advantage[batch.row_N]
        weighted = self.weighter(credit, turns, Lesson(learned_rows(trajectories), progress, table.group))
        if self.once:
            weighted = average_shared(weighted, owner_R)
        advantage_N = _flatten(weighted, turns, batch)
        own = self.weighter.name != "turn" and credit.spans is None and credit.tokens is None
        figures = _weighed(by_turn_N, advantage_N) if own else {}
        return Assigned(table, credit, advantage_N, figures, state)

    def against_reference(
        self, trajectories: Sequence[Trajectory], batch: PackedBatch, log_ratio_N: Floats
    ) -> dict[str, list[Floats]]:
        """Return the columns of the turn table that compare the policy with the reference.

        Args:
            trajectories: whole groups.
            batch: the same trajectories, packed.
            log_ratio_N: log of policy over reference.
        """
        length_R = [len(turn.generation.token_ids) for each in trajectories for turn in each.turns]
        place_N = _starts(length_R)[batch.row_N] + batch.offset_N
        columns = {"log_ratio": log_ratio_N, "sampled": np.ones(batch.num_targets)}
        found: dict[str, list[Floats]] = {}
        for name, value_N in columns.items():
            flat_L = np.zeros(sum(length_R))
            flat_L[place_N] = value_N
            own_R = np.split(flat_L, np.cumsum(length_R)[:-1])
            found[name] = [own_R[row] for row in owner_rows(trajectories)] if self.once else own_R
        return found

    def _rewarded(
        self, table: TurnTable, batch: PackedBatch, reference_N: Floats | None, owner_R: NDArray[np.int64]
    ) -> TurnTable:
        """Scale rewards, take the KL from them, and apply the reward transforms."""
        reward_R = table.reward * self.scale
        if reference_N is not None and self.kl_coef > 0:
            k1_R = np.bincount(batch.row_N, weights=batch.behaviour_N - reference_N, minlength=batch.num_rows)
            if self.once:
                k1_R = k1_R[owner_R]  # a copy has no targets of its own, and pays what its turn pays
            reward_R = reward_R - self.kl_coef * k1_R
        table = table.with_rewards(reward_R)
        for transform in self.transforms:
            table = transform(table)
        return table


@dataclass(frozen=True, slots=True)
class Assigned:
    """The credit of a batch, and what became of it.

    Args:
        table: the turns with their rewards after all transforms.
        credit: after all transforms.
        advantage_N: of each target of the packed batch.
        figures: of token weights, for the log, where the estimator gave none itself.
        state: what the estimator remembers from here on; None: nothing.
    """

    table: TurnTable
    credit: Credit
    advantage_N: Floats
    figures: dict[str, float]
    state: Any = None


def trainable(trajectories: Sequence[Trajectory], allow_single: bool) -> list[Trajectory]:
    """Return the trajectories that train: those that count, in groups of two or more."""
    counting = [trajectory for trajectory in trajectories if trajectory.counts and trajectory.turns]
    size = Counter(trajectory.group for trajectory in counting)
    return [trajectory for trajectory in counting if allow_single or size[trajectory.group] > 1]


def _flatten(weighted: Sequence[Floats], turns: Sequence[Turn], batch: PackedBatch) -> Floats:
    """Return the advantage of each target [N] from one array a turn."""
    start_R = _starts([len(turn.generation.token_ids) for turn in turns])
    flat = np.concatenate([*weighted, np.zeros(0)])
    advantage_N: Floats = flat[start_R[batch.row_N] + batch.offset_N]
    return advantage_N


def _weighed(by_turn_N: Floats, advantage_N: Floats) -> dict[str, float]:
    """Return which share of the targets has another advantage than its turn, and which has lost it."""
    changed_N = ~np.isclose(by_turn_N, advantage_N)
    silenced_N = changed_N & (advantage_N == 0)
    number = max(1, len(advantage_N))
    return {"weights/changed": changed_N.sum() / number, "weights/silenced": silenced_N.sum() / number}


def _starts(length_R: Sequence[int]) -> NDArray[np.int64]:
    """Return where the tokens of each turn begin when all are laid end to end [R]."""
    return np.concatenate([[0], np.cumsum(length_R)[:-1]]).astype(np.int64)
