"""What an estimator charges for one more turn, where the policy chooses how long an episode is.

Every turn pays 0.3 for sure. At its first turn an episode stops with probability one
half, or goes on for one more: going on is worth exactly 0.3 more. A method that
compares turns instead of episodes, or takes a mean from every reward, charges a price
for the turn, which no reward names: under it going on and stopping are worth the same.

Estimators have scales of their own. So the same is measured where the length is
fixed and one of the two actions at the first turn earns 0.3 more: a method for which
the two actions then differ, and here do not, has a hidden price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from contestants import CONTESTANTS, Contestant
from numpy.typing import NDArray

from turnwise.credit import TurnTable, get
from turnwise.trainers.reports.truth.critics import discount_of

__all__ = ["CANNOT_BE_ROLLED_OUT", "WORTH", "Price", "prices"]

WORTH = 0.3
NUM_GROUPS, GROUP_SIZE = 400, 8
CANNOT_BE_ROLLED_OUT = (
    Contestant("igpo", "igpo", given="each turn adds 0.3 to the probability of the answer"),
    Contestant("igpo (paper)", "igpo", {"variant": "paper"}, given="the same"),
)


@dataclass(frozen=True, slots=True)
class Price:
    """A(go on) - A(stop), which is truly 0.3: where the policy chooses the length, and where it is fixed."""

    chosen: float
    fixed: float

    @property
    def verdict(self) -> str:
        """Tell in words whether the choice of the length is judged without bias."""
        if abs(self.fixed) < 1e-9:
            return "sees neither"
        if abs(self.chosen) < abs(self.fixed) / 2:
            return "no"
        return "yes" if abs(self.chosen - WORTH) < 0.01 else "but for its scale"


def prices(seed: int = 0) -> dict[str, Price]:
    """Return what each estimator makes of one more turn."""
    draw = np.random.default_rng(seed)
    goes_E = draw.random(NUM_GROUPS * GROUP_SIZE) < 0.5
    return {
        entry.label: Price(_difference(entry, goes_E, fixed=False), _difference(entry, goes_E, fixed=True))
        for entry in (*CONTESTANTS, *CANNOT_BE_ROLLED_OUT)
    }


def _difference(entry: Contestant, goes_E: NDArray[np.bool_], fixed: bool) -> float:
    method = get(entry.name)
    gamma = discount_of(method, entry.params) if method.heads else 1.0
    table, goes_N = _table(gamma, goes_E, fixed)
    first_N = table.turn == 0
    advantage_N = method(table, **entry.params).advantage
    return float(advantage_N[first_N & goes_N].mean() - advantage_N[first_N & ~goes_N].mean())


def _table(gamma: float, goes_E: NDArray[np.bool_], fixed: bool) -> tuple[TurnTable, NDArray[np.bool_]]:
    """Return the episodes with critics that know the values, and whether each turn's episode goes on."""
    rows = [
        (episode, turn, bool(goes), WORTH if turn == 0 or goes else 0.0)
        for episode, goes in enumerate(goes_E)
        for turn in range(2 if goes or fixed else 1)
    ]
    episode_N, turn_N, goes_N, reward_N = (np.array(column) for column in zip(*rows, strict=True))
    second = WORTH / 2 if fixed else WORTH
    value_N = np.where(turn_N == 0, WORTH + gamma * WORTH / 2, np.where(fixed, reward_N, second))
    action_N = reward_N + np.where((turn_N == 0) & goes_N, gamma * WORTH, 0.0)
    critics: dict[str, Any] = dict.fromkeys(("value", "v1", "v2", "v_low", "v_high", "v_term"), value_N)
    table = TurnTable.from_columns(
        group=(episode_N // GROUP_SIZE).tolist(),
        trajectory=episode_N.tolist(),
        reward=reward_N.tolist(),
        state_key=[
            f"turn {turn} {int(goes and turn > 0)}" for turn, goes in zip(turn_N, goes_N, strict=True)
        ],
        next_state_key=[
            f"turn 1 {int(goes)}" if turn == 0 and (goes or fixed) else "over"
            for turn, goes in zip(turn_N, goes_N, strict=True)
        ],
        action=["go" if goes else "stop" for goes in goes_N],
        num_tokens=[1] * len(rows),
        agent=["agent"] * len(rows),
        switch=(turn_N == 0).tolist(),
        gold_prob=(turn_N * WORTH).tolist(),
        token_values=[[value] for value in value_N.tolist()],
        q1=action_N,
        q2=action_N,
        **critics,
    )
    return table, goes_N
