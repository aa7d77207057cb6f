"""A credit method scored against the true advantages of stored turns.

Shapes: _N turns, _J turns that were redrawn, _R redraws of each, _B the measure and its bootstrap replicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...credit.base import Estimator
from .critics import Batch, Critics, table_for
from .measures import CLEAR, MEASURES, Evidence, Floats, average_ranks, bounds, correlation, intervals, signs
from .stored import Stored, stored

_FIGURES = {
    "rank_correlation": "rank",
    "sign_right": "sign",
    "sign_right_clear": "sign_clear",
    "bias": "bias",
    "variance": "variance",
}
_TURNS_A_PLACE = 5


@dataclass(frozen=True, slots=True)
class Scored:
    """What a method gives to the stored turns, and how far it is from the truth.

    Attributes:
        method: its name, or the file and function.
        params: those that were given.
        figures: name -> value, and two bootstrap standard errors over tasks to either side.
        scale: the number by which its advantages fit the true ones best.
        places: figures of the turns of a part of the episode.
        advantage_N: what it gives.
        stored: the turns and their truth.
    """

    method: str
    params: dict[str, Any]
    figures: dict[str, tuple[float, float, float]]
    scale: float
    places: list[dict[str, float]]
    advantage_N: Floats
    stored: Stored

    def document(self) -> dict[str, Any]:
        """Return the figures as one JSON document."""
        figures = {
            name: {"value": value, "low": low, "high": high}
            for name, (value, low, high) in self.figures.items()
        }
        return {
            "method": self.method,
            "params": self.params,
            "scale": self.scale,
            "figures": figures,
            "places": self.places,
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each turn: what was done, what is true, what the method says, how far off it is."""
        table, truth = self.stored.batch.table, self.stored.truth
        for row in range(len(table)):
            scaled, true = float(self.scale * self.advantage_N[row]), float(truth.advantage_N[row])
            yield {
                "method": self.method,
                "task": int(self.stored.batch.task_N[row]),
                "trajectory": int(table.trajectory[row]),
                "turn": int(table.turn[row]),
                "state_key": str(table.columns["state_key"][row]),
                "action": str(table.columns["action"][row]),
                "reward": float(table.reward[row]),
                "success": bool(table.columns["success"][row]),
                "true_advantage": true,
                "true_error": float(truth.error_N[row]),
                "advantage": float(self.advantage_N[row]),
                "scaled": scaled,
                "error": scaled - true,
            }


def score(
    method: Estimator,
    params: Mapping[str, Any] | None = None,
    *,
    turns: Stored | None = None,
    num_resamples: int = 200,
) -> Scored:
    """Hold a method against the truth.

    Args:
        method: the estimator; methods with value heads are given critics (see critics.py).
        params: its parameters.
        turns: with their truth; by default those that the package brings.
        num_resamples: of the bootstrap over tasks.

    Raises:
        UnknownName: for a parameter that it does not have.
        TableError: if it needs a column that is not there, or gives other than one finite number a turn.
    """
    held, own = turns or stored(), dict(params or {})
    critics = Critics(held.batch, held.num_tasks)

    def given(batch: Batch) -> Floats:
        return method(table_for(method, own, batch, critics), **own).advantage

    advantage_N = given(held.batch)
    evidence = Evidence(
        truth=held.truth,
        task_N=held.batch.task_N,
        guess_EN=advantage_N[None],
        slope_NP=np.zeros((len(advantage_N), 0)),
        redrawn=held.truth.of(held.spot_J),
        task_J=held.batch.task_N[held.spot_J],
        guess_EJR=given(held.redrawn)[held.row_RJ].T[None],
    )
    measured = intervals(evidence, num_resamples, seed=0)[:, :, 0]
    figures = {}
    for name, measure in _FIGURES.items():
        values_B = measured[:, MEASURES.index(measure)]
        figures[name] = (float(values_B[0]), *bounds(values_B))
    square = float(advantage_N @ advantage_N)
    scale = float(advantage_N @ held.truth.advantage_N) / square if square > 0 else 0.0
    places = _places(held, advantage_N, scale)
    return Scored(method.name, own, figures, scale, places, advantage_N, held)


def rank_ceiling(held: Stored) -> float:
    """Return the rank correlation that the true advantages themselves would have with the measured ones."""
    halves = correlation(average_ranks(held.truth.first_N), average_ranks(held.truth.second_N))
    return float(np.sqrt(max(2 * halves / (1 + halves), 0.0)))


def _places(held: Stored, advantage_N: Floats, scale: float) -> list[dict[str, float]]:
    """Return figures of the first turns of an episode, the next, and so on; squares by halves of rollouts."""
    turn_N, truth = held.batch.table.turn, held.truth
    clear_N = np.abs(truth.advantage_N) > CLEAR * truth.error_N
    places = []
    for first in range(0, int(turn_N.max()) + 1, _TURNS_A_PLACE):
        here_N = (turn_N >= first) & (turn_N < first + _TURNS_A_PLACE)
        told_N = here_N & clear_N
        here, guess_N = truth.of(np.flatnonzero(here_N)), scale * advantage_N[here_N]
        missed = ((guess_N - here.first_N) * (guess_N - here.second_N)).mean()
        right = signs(advantage_N[None, told_N], truth.advantage_N[told_N])[0] if told_N.any() else np.nan
        places.append(
            {
                "from_turn": first,
                "to_turn": min(first + _TURNS_A_PLACE - 1, int(turn_N.max())),
                "turns": int(here_N.sum()),
                "true_rms": float(np.sqrt(max(here.energy, 0.0))),
                "error_rms": float(np.sqrt(max(missed, 0.0))),
                "mean_error": float((guess_N - here.advantage_N).mean()),
                "sign_right_clear": float(right),
            }
        )
    return places
