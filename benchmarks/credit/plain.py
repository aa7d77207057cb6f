"""Every estimator the straightforward way: a loop over rows, dictionaries, one row at a time.

What a trainer writes first. The benchmark times it beside ours, in the same
run, and checks that both say the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plain_critics as critics
import plain_episodes as episodes
import plain_graphs as graphs
import plain_states as states
from plain_rows import Columns, Signal

from turnwise.credit import Credit

__all__ = ["PLAIN", "READS", "check_same"]

PLAIN: dict[str, Callable[[Columns], Signal]] = {
    "archer": critics.archer,
    "bilevel_gae": critics.bilevel_gae,
    "broadcast": episodes.broadcast,
    "crbc": graphs.crbc,
    "dr_grpo": episodes.dr_grpo,
    "g2po": states.g2po,
    "gagpo": graphs.gagpo,
    "gigpo": states.gigpo,
    "graft": states.graft,
    "graphgpo": states.graphgpo,
    "graphhca": graphs.graphhca,
    "grpo": episodes.grpo,
    "hae": critics.hae,
    "hgpo": states.hgpo,
    "igpo": episodes.igpo,
    "mars": episodes.mars,
    "poad": critics.poad,
    "reinforce_pp": episodes.reinforce_pp,
    "reinforce_pp_baseline": episodes.reinforce_pp_baseline,
    "rloo": episodes.rloo,
    "rtmc": graphs.rtmc,
    "salt": states.salt,
    "td0": critics.td0,
    "turn_ppo": critics.turn_ppo,
    "vetta": critics.vetta,
}
FIRST = ("group", "trajectory", "reward")
KEYED = (*FIRST, "state_key")
TOKENS = (*FIRST, "num_tokens")
READS: dict[str, tuple[str, ...]] = {
    "archer": (*FIRST, "q1", "q2", "v1", "v2"),
    "bilevel_gae": (*TOKENS, "token_values"),
    "broadcast": FIRST,
    "crbc": (*KEYED, "action"),
    "dr_grpo": FIRST,
    "g2po": (*KEYED, "valid"),
    "gagpo": KEYED,
    "gigpo": KEYED,
    "graft": (*KEYED, "action"),
    "graphgpo": (*KEYED, "next_state_key"),
    "graphhca": KEYED,
    "grpo": FIRST,
    "hae": (*FIRST, "switch", "v_low", "v_high", "v_term"),
    "hgpo": KEYED,
    "igpo": (*TOKENS, "gold_prob"),
    "mars": (*TOKENS, "agent"),
    "poad": (*TOKENS, "token_values"),
    "reinforce_pp": TOKENS,
    "reinforce_pp_baseline": TOKENS,
    "rloo": FIRST,
    "rtmc": (*FIRST, "action"),
    "salt": (*KEYED, "next_state_key", "action"),
    "td0": (*TOKENS, "token_values"),
    "turn_ppo": (*FIRST, "value"),
    "vetta": (*TOKENS, "value", "token_values"),
}


def check_same(ours: Credit, plain: Signal) -> None:
    """Raise an AssertionError if two ways to compute the same say anything different."""
    np.testing.assert_allclose(ours.advantage, plain.advantage, atol=1e-7)
    for of, expected in ((ours.spans, plain.spans), (ours.targets, plain.targets)):
        assert set(of or {}) == set(expected or {})
        for name, values in (expected or {}).items():
            _same_numbers(of[name], values)
    if plain.tokens is not None:
        _same_numbers(ours.tokens, plain.tokens)


def _same_numbers(ours: Any, plain: Any) -> None:
    if isinstance(ours, list):
        assert list(map(len, ours)) == list(map(len, plain))
        ours, plain = np.concatenate(ours), np.concatenate(plain)
    np.testing.assert_allclose(ours, plain, atol=1e-7)
