"""Hierarchical advantage estimation: one number each for action, subgoal and switch.

Shapes: _N rows (turns), _S segments (from one subgoal to the next).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ....parts import Source, check_choice
from ...base import Credit, Head, register
from ...statistics.ends import done_rows
from ...statistics.groups import moments, standardise
from ...statistics.scores import Penalised, penalties
from ...table.columns import BoolArray, FloatArray, IntArray
from ...table.scan import recurrence
from ...table.table import TurnTable


@register(
    "hae",
    heads=(
        Head("v_low", "action", "low"),
        Head("v_high", "subgoal", "high", known="boundary"),
        Head("v_term", "prompt", "term"),
    ),
    source=Source(
        paper="HiPER",
        ref="arXiv 2602.16165",
        exact="golden",
        note="the agent: a subgoal is said once, when it is set, and in lines instead of tags, so there "
        "is no rewording to penalise; the three heads read the policy's own states instead of a "
        "critic model's",
    ),
)
def hae(
    table: TurnTable,
    *,
    gamma: float = 0.95,
    lam_turn: float = 0.95,
    lam_seg: float = 0.95,
    use_term: bool = True,
    normalize: bool = True,
    bootstrap_truncated: bool = False,
    keep_penalty: float = 0.0,
    keep_penalty_mode: Literal["fixed", "normalized"] = "fixed",
    consistency_penalty: float = 0.0,
    invalid_penalty: float = 0.0,
    penalised: Penalised = "invalid",
) -> Credit:
    """Give the action, subgoal and switch spans of each turn advantages of their own.

    HiPER, arXiv 2602.16165, as in the published code. The agent says
    each turn whether it switches to a new subgoal; a segment runs from one
    switch to the next. Actions get GAE inside their segment, which ends in the
    next segment's high-level value; subgoals get GAE from segment to segment;
    switches get the segment's return-to-go less the termination value.

    Args:
        table: the batch; needs columns switch, v_low, v_high, v_term (v_term
            only with use_term), and subgoal for the consistency penalty.
        gamma: discount from turn to turn.
        lam_turn: trace decay inside a segment.
        lam_seg: trace decay from segment to segment.
        use_term: whether switches get credit, from the termination head.
        normalize: bring each head to mean 0 and deviation 1 over the batch (ddof 0).
        bootstrap_truncated: whether a cut-off trajectory goes on with its last values.
        keep_penalty: added (so below 0) to the reward of turns that keep their
            subgoal; -0.3 in the authors' ALFWorld runs, -3.5 normalized in WebShop.
        keep_penalty_mode: "fixed": on each such turn; "normalized": divided by
            the trajectory's turns, where it has more than one.
        consistency_penalty: added to the reward of a turn that keeps its subgoal
            but words it otherwise than the turn before; -0.3 in the authors' runs.
        invalid_penalty: subtracted from the reward of an invalid turn.
        penalised: which turns pay it.

    Returns:
        advantage [N], that of the action; spans action, subgoal (0 on turns that
        keep theirs), switch; targets low, high, term; parts boundary (where high
        has a target) and shaped_reward.
    """
    check_choice("keep_penalty_mode", keep_penalty_mode, ("fixed", "normalized"))
    switch_N = table.numbers("switch", "hae") != 0.0
    reward_N = table.reward - penalties(table, invalid_penalty, penalised)
    reward_N = reward_N + _keep_penalties(table, switch_N, keep_penalty, keep_penalty_mode)
    if consistency_penalty != 0.0:
        reward_N = reward_N + _inconsistent(table, switch_N) * consistency_penalty
    low_N, high_N = table.numbers("v_low", "hae"), table.numbers("v_high", "hae")
    parts = _Segments.of(table, switch_N)
    beyond_low_N = parts.beyond(high_N, low_N, bootstrap_truncated)
    beyond_high_N = parts.beyond(high_N, high_N[parts.start_N], bootstrap_truncated)
    next_low_N = np.where(parts.end_N, beyond_low_N, np.append(low_N[1:], 0.0)[: len(table)])
    action_N = recurrence(reward_N + gamma * next_low_N - low_N, np.where(parts.end_N, 0.0, gamma * lam_turn))
    ahead_N = np.where(parts.end_N, gamma * beyond_high_N, 0.0)
    term_return_N = recurrence(reward_N + ahead_N, np.where(parts.end_N, 0.0, gamma))
    subgoal_N = parts.subgoal_advantage(term_return_N - high_N, gamma, lam_seg)
    targets = {"low": action_N + low_N, "high": np.where(parts.boundary_N, subgoal_N + high_N, 0.0)}
    switch_advantage_N = np.zeros(len(table))
    if use_term:
        switch_advantage_N = term_return_N - table.numbers("v_term", "hae")
        targets["term"] = term_return_N
    spans = {"action": action_N, "subgoal": subgoal_N, "switch": switch_advantage_N}
    if normalize:
        every_N = np.ones(len(table), dtype=np.bool_)
        where = {"action": every_N, "subgoal": parts.boundary_N, "switch": every_N}
        spans = {name: _z_score(values_N, where[name]) for name, values_N in spans.items()}
    return Credit(
        spans["action"],
        parts={"boundary": parts.boundary_N, "shaped_reward": reward_N},
        spans=spans,
        targets=targets,
    )


@dataclass(frozen=True, slots=True)
class _Segments:
    """Where segments begin and end, and whether anything follows them."""

    boundary_N: BoolArray  # first turn of a segment
    end_N: BoolArray  # last turn of a segment
    start_N: IntArray  # row of the first turn of the turn's segment
    last_N: BoolArray  # last turn of the trajectory
    done_N: BoolArray  # last turn of a trajectory that terminated

    @classmethod
    def of(cls, table: TurnTable, switch_N: BoolArray) -> _Segments:
        boundary_N = switch_N | (table.turn == 0)
        end_N = np.append(boundary_N[1:], True)[: len(table)]
        starts = np.flatnonzero(boundary_N)
        start_N = starts[np.cumsum(boundary_N) - 1] if len(table) else np.zeros(0, dtype=np.int64)
        return cls(boundary_N, end_N, start_N, table.is_last, done_rows(table))

    def beyond(self, next_high_N: FloatArray, own_N: FloatArray, bootstrap: bool) -> FloatArray:
        """Return the value after each segment's end: the next segment's, or the own where cut off."""
        following_N = np.append(next_high_N[1:], 0.0)[: next_high_N.size]
        beyond_N = np.where(self.end_N & ~self.last_N, following_N, 0.0)
        if bootstrap:
            beyond_N = np.where(self.last_N & ~self.done_N, own_N, beyond_N)
        return beyond_N

    def subgoal_advantage(self, delta_N: FloatArray, gamma: float, lam: float) -> FloatArray:
        """Return GAE from segment to segment, on the first turn of each; 0 elsewhere [N]."""
        starts, ends = np.flatnonzero(self.boundary_N), np.flatnonzero(self.end_N)
        span_S = (ends - starts + 1).astype(np.float64)
        decay_S = np.where(self.last_N[ends], 0.0, lam * gamma**span_S)
        advantage_N = np.zeros(delta_N.size)
        advantage_N[starts] = recurrence(delta_N[starts], decay_S)
        return advantage_N


def _keep_penalties(table: TurnTable, switch_N: BoolArray, penalty: float, mode: str) -> FloatArray:
    per_turn_N = np.full(len(table), penalty)
    if mode == "normalized":
        length_N = table.lengths[table.trajectory]
        per_turn_N = np.where(length_N > 1, penalty / length_N, 0.0)
    return np.where(switch_N, 0.0, per_turn_N)


def _inconsistent(table: TurnTable, switch_N: BoolArray) -> BoolArray:
    """Tell which turns keep their subgoal but word it otherwise than the turn before [N]."""
    subgoal = table.column("subgoal", "hae with consistency_penalty")
    named_N = np.array([bool(text) for text in subgoal.tolist()], dtype=np.bool_)
    code_N = table.codes("subgoal")
    before = np.append(-1, code_N[:-1])[: len(table)]
    before_named = np.append(False, named_N[:-1])[: len(table)]
    inconsistent_N: BoolArray = ~switch_N & (table.turn > 0) & named_N & before_named & (before != code_N)
    return inconsistent_N


def _z_score(values_N: FloatArray, where_N: BoolArray) -> FloatArray:
    """Normalise the values at some rows (ddof 0); the others stay 0."""
    one = np.zeros(int(where_N.sum()), dtype=np.int64)
    scored_N = np.zeros(values_N.size)
    chosen = values_N[where_N]
    scored_N[where_N] = standardise(chosen, one, moments(chosen, one, 1, ddof=0), "mean_std", 1e-8)
    return scored_N
