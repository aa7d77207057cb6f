"""ArCHer: an utterance-level critic says what each turn was worth.

Shapes: _N rows (turns).
"""

from __future__ import annotations

import numpy as np

from ....parts import Source
from ...base import Credit, Head, register
from ...statistics.ends import done_rows
from ...table.columns import FloatArray
from ...table.table import TurnTable


def _twin(number: int) -> tuple[Head, Head]:
    return (
        Head(f"q{number}", "end", f"q{number}", slow=True),
        Head(f"v{number}", "prompt", f"v{number}", slow=True, beyond=True),
    )


@register(
    "archer",
    heads=(*_twin(1), *_twin(2)),
    source=Source(
        paper="ArCHer",
        ref="arXiv 2402.19446",
        note="values beyond a cut-off are used where given; critics learn from each batch, without a "
        "replay buffer; they read the policy's states, and only the heads follow slowly, the states "
        "do not",
    ),
)
def archer(table: TurnTable, *, gamma: float = 0.9) -> Credit:
    """Give every turn min(Q1, Q2) - min(V1, V2), and the critics their targets.

    Zhou et al., ArCHer, arXiv 2402.19446, as in the published
    code: Q_i regresses on r + gamma V_i(next) of the slowly moving target
    critic (tau 0.1 in the authors' runs; the learner moves it), V_i on the
    target critic's Q_i of the action that the policy would take.

    Args:
        table: the batch; needs columns q1, q2, v1, v2. Target critics, where
            there are any, in target_v1, target_v2 (of the state before each
            turn), target_q1, target_q2; without them the critics themselves
            stand in. A trajectory that was cut off goes on with next_v1,
            next_v2, where given, else with 0.
        gamma: discount from turn to turn; 0.9 is the published code's default, 0.95 that of
            its configurations.

    Returns:
        advantage [N]; parts q, v; targets q1, q2, v1, v2 [N].
    """
    q1_N, q2_N = table.numbers("q1", "archer"), table.numbers("q2", "archer")
    v1_N, v2_N = table.numbers("v1", "archer"), table.numbers("v2", "archer")
    q_N, v_N = np.minimum(q1_N, q2_N), np.minimum(v1_N, v2_N)
    targets = {
        "q1": table.reward + gamma * _after(table, "v1"),
        "q2": table.reward + gamma * _after(table, "v2"),
        "v1": _either(table, "target_q1", "q1"),
        "v2": _either(table, "target_q2", "q2"),
    }
    return Credit(q_N - v_N, parts={"q": q_N, "v": v_N}, targets=targets)


def _either(table: TurnTable, preferred: str, other: str) -> FloatArray:
    return table.numbers(preferred if preferred in table.columns else other, "archer")


def _after(table: TurnTable, head: str) -> FloatArray:
    """Return the value of the state after each turn: 0 where the trajectory is done [N]."""
    value_N = _either(table, f"target_{head}", head)
    after_N = np.where(table.is_last, 0.0, np.append(value_N[1:], 0.0)[: len(table)])
    if f"next_{head}" in table.columns:
        cut_N = table.is_last & ~done_rows(table)
        after_N = np.where(cut_N, table.numbers(f"next_{head}", "archer"), after_N)
    return after_N
