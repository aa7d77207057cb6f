"""Methods by name, a method of one's own, batch figures, and transforms of advantages."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest

import turnwise.credit as credit
from turnwise.credit import Credit, TurnTable, transforms
from turnwise.errors import TableError, UnknownName, UsageError

EXPECTED = [
    "archer",
    "bilevel_gae",
    "broadcast",
    "crbc",
    "dr_grpo",
    "g2po",
    "gagpo",
    "gigpo",
    "graft",
    "graphgpo",
    "graphhca",
    "grpo",
    "hae",
    "hgpo",
    "igpo",
    "mars",
    "poad",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "rloo",
    "rtmc",
    "salt",
    "td0",
    "turn_ppo",
    "vetta",
]


def table(**columns: Any) -> TurnTable:
    given: dict[str, Any] = {
        "group": ["g"] * 4,
        "trajectory": [0, 0, 1, 1],
        "reward": [0.0, 1.0, 0.0, 0.0],
        "state_key": ["a", "b", "a", "b"],
    }
    return TurnTable.from_columns(**{**given, **columns})


def test_every_method_of_the_literature_has_its_name() -> None:
    assert set(EXPECTED) <= set(credit.names())
    assert credit.names() == sorted(credit.names())


def test_unknown_names_are_answered_with_the_closest() -> None:
    with pytest.raises(UnknownName, match="unknown credit estimator 'gipo': did you mean 'gigpo'"):
        credit.get("gipo")
    with pytest.raises(UnknownName, match="parameter of credit estimator gigpo 'gama': did you mean 'gamma'"):
        credit.gigpo(table(), gama=0.9)
    with pytest.raises(UnknownName, match="value of mode 'means': did you mean 'mean'"):
        credit.gigpo(table(), mode="means")
    with pytest.raises(UnknownName, match="value of statistics 'turn': did you mean 'turns'"):
        credit.grpo(table(), statistics="turn")
    with pytest.raises(UnknownName, match="advantage transform 'white': did you mean 'whiten'"):
        transforms.get("white")


@pytest.mark.parametrize(
    ("name", "params"),
    [("hgpo", {"history": -1}), ("salt", {"history": -1}), ("hae", {"keep_penalty_mode": "x"})],
)
def test_impossible_settings_are_refused(name: str, params: dict[str, Any]) -> None:
    full = table(action=["x"] * 4, next_state_key=["y"] * 4, switch=[1] * 4)
    with pytest.raises(UsageError):
        credit.get(name)(full, **params)


def test_a_method_of_ones_own() -> None:
    @credit.register("half_of_the_reward")
    def half(table: TurnTable, *, share: float = 0.5) -> Credit:
        """Give every turn a share of its reward."""
        return Credit(share * table.reward)

    assert credit.get("half_of_the_reward")(table()).advantage.tolist() == [0.0, 0.5, 0.0, 0.0]
    assert half(table(), share=1.0).advantage.tolist() == [0.0, 1.0, 0.0, 0.0]
    assert half.summary == "Give every turn a share of its reward."
    failed = table(end=["error", "error", "horizon", "horizon"])
    assert half(failed).advantage.tolist() == [0.0, 0.0, 0.0, 0.0]
    with pytest.raises(UsageError, match="registered already"):
        credit.register("half_of_the_reward")(lambda table: Credit(table.reward))


def test_a_method_that_returns_nonsense_is_caught() -> None:
    bad = credit.register("too_short")(lambda table: Credit(table.reward[:1]))
    with pytest.raises(TableError, match="too_short returned no Credit with one advantage a turn"):
        bad(table())
    infinite = credit.register("infinite")(lambda table: Credit(table.reward * np.inf))
    said = r"that infinite gives .* trajectory 0, turn 0 \(row 0\) is nan"
    with np.errstate(invalid="ignore"), pytest.raises(TableError, match=said):
        infinite(table())
    with pytest.raises(TableError, match="gigpo got dict; expected a TurnTable"):
        credit.gigpo({"reward": [1.0]})


def test_a_parameter_without_default_must_be_given() -> None:
    with pytest.raises(UsageError, match=r"advantage transform clip needs limit=\.\.\."):
        transforms.clip(table(), credit.grpo(table()))


def test_figures_of_a_live_batch() -> None:
    figures = credit.describe(table(), credit.gigpo(table(), mode="mean", statistics="trajectories"))
    assert figures["credit/mean"] == pytest.approx(0.0)
    assert figures["credit/dead_groups"] == 0.0
    assert figures["credit/penalty_only"] == 0.0
    assert figures["credit/anchor_size"] == 2.0
    assert figures["credit/anchor_singletons"] == 0.0
    # A: 0.5 + 0.95 / 2 and 0.5 + 0.5, and the same below 0
    assert figures["credit/std"] == pytest.approx(sqrt((0.975**2 + 1.0) / 2))


def test_penalties_alone_make_a_signal_and_are_named() -> None:
    lost = table(reward=[0.0] * 4, valid=[True, False, True, True], state_key=["a", "b", "c", "d"])
    figures = credit.describe(lost, credit.gigpo(lost, mode="mean", invalid_penalty=0.1))
    # scores 0, -0.1, 0, 0: mean -0.025
    assert figures["credit/penalty_only"] == 1.0
    assert figures["credit/penalty_only_magnitude"] == pytest.approx((3 * 0.025 + 0.075) / 4)
    assert figures["credit/dead_groups"] == 0.0
    assert figures["credit/anchor_singletons"] == 1.0
    dead = credit.describe(lost, credit.gigpo(lost))
    assert (dead["credit/dead_groups"], dead["credit/penalty_only"]) == (1.0, 0.0)


def test_the_published_example_of_a_lone_invalid_turn() -> None:
    # an all-failed group with one invalid turn in 50: -6.9 for it, +0.14 for the rest
    lost = TurnTable.from_columns(
        group=["g"] * 50,
        trajectory=[row // 10 for row in range(50)],
        reward=[0.0] * 50,
        state_key=[str(row) for row in range(50)],
        valid=[row != 7 for row in range(50)],
    )
    advantage = credit.gigpo(lost, invalid_penalty=0.1).advantage
    assert advantage[7] == pytest.approx(-6.93, abs=0.01)
    assert advantage[0] == pytest.approx(0.1414, abs=1e-4)


def test_figures_leave_out_what_does_not_count() -> None:
    batch = table(end=["error", "error", "horizon", "horizon"])
    figures = credit.describe(batch, credit.gigpo(batch))
    assert figures["credit/anchor_size"] == 1.0
    assert figures["credit/dead_groups"] == 1.0
    nothing = table(end=["error"] * 4)
    assert set(credit.describe(nothing, credit.gigpo(nothing)).values()) == {0.0}
    bare = TurnTable.from_columns(group=["g"], trajectory=[0], reward=[1.0])
    assert "credit/anchor_size" not in credit.describe(bare, credit.grpo(bare))


def ragged() -> Credit:
    return Credit(
        np.array([1.0, 2.0, 3.0, 6.0]),
        spans={"action": np.array([0.0, 0.0, 4.0, 4.0])},
        tokens=[np.array([1.0, 3.0]), np.array([1.0]), np.array([3.0]), np.zeros(0)],
    )


def test_whitening_treats_advantage_spans_and_tokens_each_by_their_own() -> None:
    white = transforms.whiten(table(), ragged(), epsilon=0.0)
    deviation = sqrt((4 + 1 + 0 + 9) / 4)
    np.testing.assert_allclose(white.advantage, np.array([-2, -1, 0, 3]) / deviation)
    assert white.spans is not None
    assert white.tokens is not None
    np.testing.assert_allclose(white.spans["action"], [-1, -1, 1, 1])
    assert [values.tolist() for values in white.tokens] == [[-1.0, 1.0], [-1.0], [1.0], []]


def test_whitening_by_group_without_centre_and_without_spread() -> None:
    two = table(group=["g", "g", "h", "h"])
    white = transforms.get("whiten")(two, ragged(), over="group", epsilon=0.0)
    np.testing.assert_allclose(white.advantage, [-1, 1, -1, 1])
    kept = transforms.whiten(two, ragged(), over="group", centre=False, epsilon=0.0)
    np.testing.assert_allclose(kept.advantage, [1 / 0.5, 2 / 0.5, 3 / 1.5, 6 / 1.5])
    flat = transforms.whiten(table(), Credit(np.full(4, 3.0)))
    assert flat.advantage.tolist() == [0.0] * 4
    failed = table(end=["error", "error", "horizon", "horizon"])
    white = transforms.whiten(failed, Credit(np.array([0.0, 0.0, 1.0, 3.0])), epsilon=0.0)
    assert white.advantage.tolist() == [0.0, 0.0, -1.0, 1.0]


def test_clip_and_scale() -> None:
    clipped = transforms.clip(table(), ragged(), limit=2.0)
    assert clipped.advantage.tolist() == [1.0, 2.0, 2.0, 2.0]
    scaled = transforms.scale(table(), ragged(), factor=-2.0)
    assert scaled.advantage.tolist() == [-2.0, -4.0, -6.0, -12.0]
    assert scaled.tokens is not None
    assert scaled.tokens[0].tolist() == [-2.0, -6.0]
    with pytest.raises(UsageError, match=r"limit=0\.0; expected a number above 0"):
        transforms.clip(table(), ragged(), limit=0.0)


def test_credit_brings_numpy_and_nothing_else() -> None:
    heavy = ["torch", "fastapi", "gymnasium", "httpx", "orjson", "pydantic", "typer", "rich", "matplotlib"]
    program = (
        "import turnwise.credit, turnwise.trainers.rewards, sys;"
        f" print([m for m in {heavy!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_figure_of_a_method_cannot_stand_for_one_of_the_log():
    summed, batch = (
        credit.describe,
        TurnTable.from_columns(group=[0, 0], trajectory=[0, 1], reward=[1.0, 0.0]),
    )
    made = Credit(np.array([1.0, -1.0]), figures={"mean": 3.0})
    with pytest.raises(TableError, match="credit/mean: choose others"):
        summed(batch, made)
    assert summed(batch, replace(made, figures={"own": 3.0}))["credit/own"] == 3.0
